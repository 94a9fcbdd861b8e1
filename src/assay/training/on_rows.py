"""The loop of runs that train on rows of files: an update, now and then a look at held-out rows, and again."""

from collections.abc import Callable
from typing import Any

from assay.reward_recipe import RewardModelRecipe, RowsTable
from assay.sft_recipe import SftRecipe
from assay.store import Run
from assay.training.checkpoint import load_checkpoint, save_checkpoint
from assay.training.clock import Clock
from assay.training.mask import keep_mask
from assay.training.optimizer import MasterOptimizer


def train_on_rows(
    run: Run,
    recipe: RewardModelRecipe | SftRecipe,
    optimizer: MasterOptimizer,
    steps: int,
    update: Callable[[int], dict[str, Any]],
    look: Callable[[], dict[str, Any]],
    advance: Callable[[int], None],
) -> None:
    """From the start or the last checkpoint up to the last of `steps` updates.

    All that an update changes is the optimizer's. `update` does that of a step and `look` measures held-out rows; what
    they return is logged.
    """
    keep_mask(run)
    start = load_checkpoint(run, optimizer)
    run.keep_metrics_before(start)
    run.update_manifest(status="running", steps=steps)
    for step in range(start, steps):
        clock = Clock()
        metrics: dict[str, Any] = {"step": step}
        if recipe.evaluation.every and step % recipe.evaluation.every == 0:
            metrics |= look()
        metrics |= update(step)
        run.append_metrics(metrics | {"step_time": clock.total})
        if (step + 1) % recipe.checkpoint.every == 0 and step + 1 < steps:
            save_checkpoint(run, optimizer, step + 1, recipe.checkpoint.keep)
        advance(1)


def finish(
    run: Run, recipe: RewardModelRecipe | SftRecipe, optimizer: MasterOptimizer, steps: int, found: dict[str, Any]
) -> None:
    """Logs the last look at held-out rows and writes the last checkpoint."""
    run.keep_metrics_before(steps)
    run.append_metrics({"step": steps} | found)
    save_checkpoint(run, optimizer, steps, recipe.checkpoint.keep)


def check_unchanged(run: Run, table: RowsTable) -> None:
    """Notes the hashes of the data files in the manifest. Raises RunError where a file is another than at the start."""
    run.keep_files(table.files)
