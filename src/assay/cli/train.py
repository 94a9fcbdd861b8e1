"""`assay train`: run a recipe, or continue a run that was stopped."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.progress import progress, say
from assay.errors import Interrupted, RecipeError
from assay.recipe import Recipe
from assay.store import Run
from assay.tasks import check_machine, make_task
from assay.training.start import finish, start


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
        run = start(recipe, out, set_ or [], data, say)
    run_training(run, data, is_new=resume is None)


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
        with progress("training", recipe.steps, "steps", done) as advance:
            finish(run, data, advance, say)
    except KeyboardInterrupt:
        kept = run.finished_steps()
        raise Interrupted(f"{kept} steps are kept; continue with: assay train --resume {run.path}") from None
