"""How a run begins and is finished, whoever asks: checks that need no model, the run directory, the right loop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from assay.demonstrations import read_demonstrations
from assay.errors import RecipeError
from assay.files import ignore, say_nothing
from assay.policies.references import find_model
from assay.preferences import read_preferences
from assay.recipe import Recipe, RunRecipe, load_any
from assay.registry import resolve
from assay.reward_recipe import RewardModelRecipe
from assay.rewards import check_reward, with_absolute_paths
from assay.sft_recipe import SftRecipe
from assay.store import Run, command_line
from assay.tasks import Task, check_machine, data_for, make_task, parse_spec
from assay.tasks.drawing import chosen_prompts

LOOPS = {
    "rl": "assay.training.rl:train",
    "reward-model": "assay.training.reward_model:train",
    "sft": "assay.training.sft:train",
}
Note = Callable[[str], None]


def start(recipe_file: Path, out: Path | None, overrides: list[str], data: str | None, note: Note = say_nothing) -> Run:
    """A new run directory for the recipe in a file, runs/NAME-SEED where `out` is None, after checks without a model.

    `note` is told what is allowed and probably not meant. Raises RecipeError, DataError, ModelError or RunError.
    """
    recipe = load_any(recipe_file, overrides)
    out = out or Path("runs") / f"{recipe.name}-{recipe.seed}"
    return start_recipe(recipe, out, str(recipe_file), data, overrides, note)


def start_recipe(
    recipe: RunRecipe,
    out: Path,
    where: str,
    data: str | None,
    overrides: list[str] | None = None,
    note: Note = say_nothing,
) -> Run:
    """As `start`, for a recipe that is read already; `where` names what it was read from, with which overrides."""
    recipe = prepared(recipe, data, where)
    if recipe.optimizer.mask is not None:
        resolve("assay.training.mask:check_mask")(Path(recipe.optimizer.mask))
    if getattr(recipe.model, "lora", None) is not None:
        resolve("assay.policies.adapters:check_peft")()
    if isinstance(recipe, Recipe):
        task = check_recipe(recipe, data, note)
        scorable = [check_reward(name, task) for name in recipe.reward.functions]
        chosen_prompts(task, recipe.rollout.problems, scorable)
    find_model(recipe.model.base)
    run = Run.create(out, recipe, where, overrides or [])
    run.update_manifest(arguments=command_line(), data=str(Path(data).resolve()) if data else None)
    return run


def finish(run: Run, data: str | None = None, advance: Callable[[int], None] = ignore, note: Note = say_nothing) -> Run:
    """Trains a run to its end, from wherever it is; returns it. Raises RunError where another process trains it."""
    if not run.is_finished():
        with run.alone():
            resolve(LOOPS[run.any_recipe.kind])(run, data, advance, note)
    return run


def prepared(recipe: RunRecipe, data: str | None, where: str = "recipe") -> RunRecipe:
    """The recipe as its run keeps it: local files named for good, all options of the algorithm, updates counted.

    Raises RecipeError, or DataError for rows that cannot be read.
    """
    recipe = _with_absolute_paths(recipe)
    if isinstance(recipe, Recipe):
        resolved: Recipe = resolve("assay.training.choice:resolved")(recipe, where)
        return resolved
    assert isinstance(recipe, RewardModelRecipe | SftRecipe)
    return _planned(recipe, data)


def _with_absolute_paths(recipe: RunRecipe) -> RunRecipe:
    """With its local models and files named for good: a run may be continued and audited from another folder."""
    named = ((key, getattr(recipe.model, key, "")) for key in ("base", "reference", "teacher"))
    models = {key: str(Path(model).resolve()) for key, model in named if model and Path(model).is_dir()}
    found: dict[str, Any] = {"model": recipe.model.model_copy(update=models)} if models else {}
    if recipe.optimizer.mask is not None:
        mask = str(Path(recipe.optimizer.mask).resolve())
        found["optimizer"] = recipe.optimizer.model_copy(update={"mask": mask})
    if isinstance(recipe, Recipe):
        functions = tuple(with_absolute_paths(name) for name in recipe.reward.functions)
        found["reward"] = recipe.reward.model_copy(update={"functions": functions})
        if recipe.rollout.problems is not None:
            problems = str(Path(recipe.rollout.problems).resolve())
            found["rollout"] = recipe.rollout.model_copy(update={"problems": problems})
    return recipe.model_copy(update=found)


def _planned(recipe: RewardModelRecipe | SftRecipe, data: str | None) -> RewardModelRecipe | SftRecipe:
    """A recipe that trains on rows, with its files named for good and its updates counted. Raises DataError."""
    train, test = (path and path.resolve() for path in recipe.rows.files)
    assert train is not None
    table = recipe.rows.model_copy(update={"train": str(train), "test": test and str(test)})
    if isinstance(recipe, SftRecipe):
        key, count = "data", len(read_demonstrations(train, test).train)
        _check_audited(recipe, data)
    else:
        key, count = "preferences", len(read_preferences(train, test).train)
    updates = recipe.epochs * -(-count // recipe.batch)
    return recipe.model_copy(update={key: table, "steps": min(recipe.steps or updates, updates)})


def _check_audited(recipe: SftRecipe, data: str | None) -> None:
    """Raises RecipeError or DataError for tasks that an audit of the run could not pose."""
    if recipe.task is not None:
        make_task(recipe.task, data)
    if recipe.audit.task is not None:
        own = recipe.task["name"] if recipe.task else parse_spec(recipe.audit.task)["name"]
        make_task(recipe.audit.task, data_for(recipe.audit.task, own, data))


def check_recipe(recipe: Recipe, data: str | None, note: Note = say_nothing) -> Task:
    """The recipe's task, after all checks that need neither a model nor the files of rewards and problems.

    Raises RecipeError, DataError or ModelError.
    """
    own = recipe.task["name"]
    tasks: dict[str | None, Task] = {None: make_task(recipe.task, data)}
    for spec in filter(None, (recipe.evaluation.task, recipe.audit.task)):
        tasks[spec] = make_task(spec, data_for(spec, own, data))
    for task in tasks.values():
        check_machine(task)
    _check_evaluation(recipe, tasks[recipe.evaluation.task])
    _check_algorithm(recipe, tasks[None], note)
    for model in {recipe.model.reference, recipe.model.teacher} - {"base", "none"}:
        find_model(model)
    return tasks[None]


def _check_algorithm(recipe: Recipe, task: Task, note: Note) -> None:
    """Raises RecipeError where algorithm, recipe and task do not fit; tells what is probably not meant."""
    algorithm = resolve("assay.training.choice:make_algorithm")(recipe.algorithm)
    resolve("assay.training.choice:check_algorithm")(algorithm, recipe, task)
    for warning in algorithm.warnings():
        note(f"note: {warning}")


def _check_evaluation(recipe: Recipe, task: Task) -> None:
    """Raises RecipeError where the task has fewer test problems than are asked for."""
    wanted, size = recipe.evaluation.problems, task.size("test")
    if not recipe.evaluation.every or size is None or size >= wanted:
        return
    instead = f"evaluation.problems={size}" if size else "evaluation.every=0, for no evaluation"
    raise RecipeError(
        f"evaluation.problems is {wanted}, but task {task.spec} has {size or 'no'} test problem{'s' * (size != 1)}; "
        f"give more data, or --set {instead}"
    )
