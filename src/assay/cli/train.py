"""`assay train`: run a recipe, or continue a run that was stopped."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.progress import progress, say
from assay.demonstrations import read_demonstrations
from assay.errors import Interrupted, RecipeError
from assay.policies.references import find_model
from assay.preferences import read_preferences
from assay.recipe import Recipe, load_any, load_recipe
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


def command(
    recipe: Annotated[Path | None, typer.Argument(help="A recipe: a TOML file, for example of recipes/.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run directory to make; default runs/NAME-SEED.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key: --set algorithm.clip_high=0.28; repeatable.")
    ] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue the run in this directory.")] = None,
    data: Annotated[str | None, typer.Option(help="Local data for a task that reads rows.")] = None,
) -> None:
    """Train a model by a recipe, or continue a stopped run.

    assay train recipes/countdown-grpo.toml --set algorithm.clip_high=0.28

    assay train --resume runs/countdown-grpo-0
    """
    if (recipe is None) == (resume is None):
        raise RecipeError("give either a recipe or --resume RUN; see assay train --help")
    if resume is not None:
        if set_ or out:
            raise RecipeError("--resume continues a run as it began; --set and --out start a new one")
        run = Run.open(resume)
        data = data or run.manifest.get("data")
        if isinstance(recipe_of_run := run.any_recipe, Recipe):
            check_machine(make_task(recipe_of_run.task, data))
    else:
        assert recipe is not None
        run = start(recipe, out, set_ or [], data)
    run_training(run, data, is_new=resume is None)


def start(recipe_file: Path, out: Path | None, overrides: list[str], data: str | None) -> Run:
    """A new run directory for the recipe, after checks that need no model."""
    recipe = load_any(recipe_file, overrides)
    for key, model in ((key, getattr(recipe.model, key, "")) for key in ("base", "reference", "teacher")):
        if model and Path(model).is_dir():  # a run may be continued and audited from another folder
            overrides = [*overrides, f"model.{key}={json.dumps(str(Path(model).resolve()))}"]
    if isinstance(recipe, Recipe):
        overrides = [*overrides, *_absolute_rewards(recipe)]
    if recipe.optimizer.mask is not None:
        mask = Path(recipe.optimizer.mask).resolve()
        resolve("assay.training.mask:check_mask")(mask)
        overrides = [*overrides, f"optimizer.mask={json.dumps(str(mask))}"]
    if getattr(recipe.model, "lora", None) is not None:
        resolve("assay.policies.adapters:check_peft")()
    if isinstance(recipe, RewardModelRecipe | SftRecipe):
        recipe = planned(recipe_file, overrides, data)
    else:
        recipe = read(recipe_file, overrides)
        _check_rl(recipe, data)
    find_model(recipe.model.base)
    run = Run.create(out or Path("runs") / f"{recipe.name}-{recipe.seed}", recipe, str(recipe_file), overrides)
    run.update_manifest(arguments=command_line(), data=str(Path(data).resolve()) if data else None)
    return run


def _absolute_rewards(recipe: Recipe) -> list[str]:
    """Overrides that name for good the local files that are rewards, their labels, or say what is trained on."""
    names = [with_absolute_paths(name) for name in recipe.reward.functions]
    found = [f"reward.functions={json.dumps(names)}"] if names != list(recipe.reward.functions) else []
    if recipe.rollout.problems is not None:
        found.append(f"rollout.problems={json.dumps(str(Path(recipe.rollout.problems).resolve()))}")
    return found


def planned(recipe_file: Path, overrides: list[str], data: str | None) -> RewardModelRecipe | SftRecipe:
    """A recipe that trains on rows, with its files named for good and its updates counted. Raises DataError."""
    recipe = load_any(recipe_file, overrides)
    assert isinstance(recipe, RewardModelRecipe | SftRecipe)
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


def _check_rl(recipe: Recipe, data: str | None) -> None:
    """Raises RecipeError, DataError or ModelError for what can be known to fail before a model is loaded."""
    own = recipe.task["name"]
    tasks: dict[str | None, Task] = {None: make_task(recipe.task, data)}
    for spec in filter(None, (recipe.evaluation.task, recipe.audit.task)):
        tasks[spec] = make_task(spec, data_for(spec, own, data))
    for task in tasks.values():
        check_machine(task)
    _check_evaluation(recipe, tasks[recipe.evaluation.task])
    _check_algorithm(recipe, tasks[None])
    for model in {recipe.model.reference, recipe.model.teacher} - {"base", "none"}:
        find_model(model)
    scorable = [check_reward(name, tasks[None]) for name in recipe.reward.functions]
    chosen_prompts(tasks[None], recipe.rollout.problems, scorable)


def read(recipe_file: Path, overrides: list[str]) -> Recipe:
    """The recipe with all options of its algorithm. Raises RecipeError."""
    resolved: Recipe = resolve("assay.training.choice:resolved")(load_recipe(recipe_file, overrides), str(recipe_file))
    return resolved


def _check_algorithm(recipe: Recipe, task: Task) -> None:
    """Raises RecipeError where algorithm, recipe and task do not fit; says what is probably not meant."""
    algorithm = resolve("assay.training.choice:make_algorithm")(recipe.algorithm)
    resolve("assay.training.choice:check_algorithm")(algorithm, recipe, task)
    for warning in algorithm.warnings():
        say(f"note: {warning}")


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


def run_training(run: Run, data: str | None, is_new: bool = False) -> None:
    """Trains to the end with progress, unless that is done, and says where everything is.

    A new run that fails before its first step is done leaves nothing: the same command can be given again.
    """
    if run.is_finished():
        say(f"{run.path}: the run is finished")
    else:
        try:
            _train(run, data)
        except Exception as error:
            is_gone = is_new and run.remove_if_unbegun()
            if isinstance(error, RecipeError) and not is_gone:
                raise RecipeError(f"{error}, and continue with: assay train --resume {run.path}") from error
            raise
    print(f"model   {run.model}")
    if run.quality.is_file():
        _show_quality(json.loads(run.quality.read_text(encoding="utf-8")), run)
        print(f"curves  assay report {run.path}")
        return
    print(f"curves  assay report {run.path}")
    recipe = run.policy_recipe
    print(f"audit   assay audit {run.path}" + ("" if recipe.task or recipe.audit.task else " --task TASK"))


def _show_quality(found: dict[str, Any], run: Run) -> None:
    """What a reward model is worth, in a few lines."""
    print(f"quality {run.quality}")
    if found["annotators"]:
        print("preferences: " + "; ".join(found["annotators"]))
    if "accuracy" not in found:
        print("There are no held-out comparisons; give preferences.test to measure it")
        return
    bounds = "" if found["low"] is None else f" ({found['low']:.3f} to {found['high']:.3f})"
    print(
        f"held-out accuracy {found['accuracy']:.3f}{bounds}, {found['pairs']:,} pairs of {found['prompts']:,} prompts"
    )
    print(f"calibration error {found['calibration_error']:.3f}, Brier {found['brier']:.3f}")
    goes_with = {name: value for name, value in found["correlations"].items() if value is not None}
    print("reward goes with  " + ", ".join(f"{name} {value:+.2f}" for name, value in goes_with.items()))


def _train(run: Run, data: str | None) -> None:
    recipe = run.any_recipe
    say(f"{recipe.name}: {recipe.arithmetic()}")
    done = run.finished_steps()
    if done:
        say(f"continuing after step {done}")
    try:
        with run.alone(), progress("training", recipe.steps, "steps", done) as advance:
            resolve(LOOPS[recipe.kind])(run, data, advance, say)
    except KeyboardInterrupt:
        kept = run.finished_steps()
        raise Interrupted(f"{kept} steps are kept; continue with: assay train --resume {run.path}") from None
