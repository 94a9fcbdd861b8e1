"""What can be said of a study before it runs: whether it can, and what it amounts to. Loads no model."""

from collections.abc import Iterable, Sequence
from typing import Any

from assay.errors import AssayError, RecipeError, RunError
from assay.files import write_text
from assay.policies.references import find_model
from assay.recipe import Recipe
from assay.registry import resolve
from assay.rewards import NOT, check_reward, terms
from assay.studies.file import VOTES, check_grown, load_study, recipe_of, sampling_recipe
from assay.studies.jobs import base_samples
from assay.studies.matrix import Matrix
from assay.tasks import Task, data_for, make_task
from assay.training.start import check_recipe, prepared

ONE_SEED = (
    "one seed: what differs between two arms may be the luck of two runs, and no interval here holds that; "
    "verdicts need three seeds"
)


def check(matrix: Matrix, where: str) -> None:
    """Refuses what can be refused before hours of work; writes nothing. `where` names the study in sentences.

    Raises RecipeError, DataError, ModelError or RunError.
    """
    study = matrix.study
    _check_directory(matrix)
    _check_tasks(matrix, where)
    for family, base in study.families.items():
        find_model(base)
        table = sampling_recipe(study, family, where).model
        for sampled in base_samples(matrix, family):
            resolve("assay.rollout.sampling:check_file")(**sampled.asked, device=table.device, dtype=table.dtype)
        for arm in study.arms:
            made = recipe_of(study, family, arm, study.seeds[0], matrix.votes(family), where)
            recipe = prepared(made, study.data, f"{where}: arm {arm}")
            assert isinstance(recipe, Recipe)
            _check_rewards(study.arms[arm].reward, check_recipe(recipe, study.data))


def _check_tasks(matrix: Matrix, where: str) -> None:
    """Makes the tasks, so that a sentence about one says where the study names it."""
    study = matrix.study
    trained = sampling_recipe(study, next(iter(study.families)), where).task
    tasks: dict[str, tuple[str | dict[str, Any], str | None]] = {"recipe.task": (trained, study.data)}
    for at, each in enumerate(study.audits, start=1):
        tasks[f"audits, table {at}: task"] = (each.task, data_for(each.task, trained["name"], study.data))
    for key, (task, data) in tasks.items():
        try:
            make_task(task, data)
        except AssayError as error:
            raise RecipeError(f"{where}: {key}: {error}") from None


def _check_rewards(names: Sequence[str], task: Task) -> None:
    """Checks rewards; the true one stands for terms whose labels are votes, which are not there yet."""
    for name in names:
        known = ["ground_truth" if term.removeprefix(NOT) in VOTES else term for term in terms(name)]
        check_reward(" and ".join(known), task)


def _check_directory(matrix: Matrix) -> None:
    """Raises RunError where the directory holds something else, RecipeError where it holds another study."""
    out = matrix.out
    if matrix.file.is_file():
        check_grown(load_study(matrix.file), matrix.study, str(out))
    elif out.exists() and (not out.is_dir() or any(path.suffix != ".tmp" for path in out.iterdir())):
        raise RunError(f"{out}: already exists and holds no study; give another --out")


def write_study(matrix: Matrix) -> None:
    """Writes OUT/study.toml where it does not say the same already."""
    text = matrix.study.to_toml()
    if not matrix.file.is_file() or matrix.file.read_text(encoding="utf-8") != text:
        write_text(matrix.file, text)


def arithmetic(matrix: Matrix, processes: int) -> list[str]:
    """What the whole study amounts to, in a few lines."""
    study, cells = matrix.study, list(matrix.cells())
    trained = 0
    for cell in cells:
        recipe = recipe_of(study, cell.family, cell.arm, cell.seed, matrix.votes(cell.family), str(matrix.file))
        trained += recipe.steps * recipe.rollout.prompts * recipe.rollout.group
    votes = len(study.families) * study.pool.problems * study.pool.votes
    audited = (len(study.families) + len(cells)) * sum(each.problems * each.n for each in study.audits)
    audited += sum(cell.arm in study.matched for cell in cells) * study.audits[0].problems * study.audits[0].n
    parts = (_count(study.arms, "arm"), _count(study.families, "family", "families"), _count(study.seeds, "seed"))
    return [
        f"{study.name}: {' x '.join(parts)} = {_count(cells, 'run')}, "
        f"{sum(matrix.is_done(cell) for cell in cells):,} of them done",
        f"{votes:,} votes of the bases, {trained:,} samples to train on, {audited:,} samples to audit",
        f"{_count(range(processes), 'process', 'processes')} of one thread and at most "
        f"{study.budget.memory_gib / processes:.3g} GiB each",
        *([ONE_SEED] if len(study.seeds) == 1 else []),
    ]


def _count(things: Iterable[Any], one: str, many: str | None = None) -> str:
    number = len(list(things))
    return f"{number:,} {one if number == 1 else many or one + 's'}"
