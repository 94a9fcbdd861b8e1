"""What experiments of several arms and seeds share: runs that continue where they were, side by side, and means.

One thread a process: numbers do not depend on how many run at once.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from assay.rollout.sampling import sample_to_file
from assay.stats import t_interval
from assay.store import Run
from assay.tasks import make_task
from assay.training import start as training
from assay.types import Sampling

RECIPES = Path(__file__).parents[1] / "recipes"
Job = tuple[str, Callable[..., None], tuple[Any, ...]]
"""What it is called, a function of this file's importer, and its arguments."""


def finish(path: Path, recipe: str, overrides: Sequence[str] = ()) -> Run:
    """Trains `recipes/RECIPE.toml` in `path` to its end, from wherever it is."""
    torch.set_num_threads(1)
    run = (
        Run.open(path) if Run.is_run(path) else training.start(RECIPES / f"{recipe}.toml", path, list(overrides), None)
    )
    return training.finish(run)


def sample(model: str, file: Path, task: str, problems: int, n: int, max_new_tokens: int) -> None:
    """Samples a model on held-out problems, as far as that is not done."""
    torch.set_num_threads(1)
    sample_to_file(model, make_task(task), file, problems, n, Sampling(max_new_tokens=max_new_tokens))


def side_by_side(jobs: Sequence[Job], processes: int) -> None:
    """Runs the jobs in so many processes, and says what is done. What a job raises is raised."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = {pool.submit(function, *arguments): name for name, function, arguments in jobs}
        for done in as_completed(waiting):
            done.result()
            print(f"done: {waiting[done]}", flush=True)


def over_seeds(values: Sequence[float], form: str = "z.3f", bounds: tuple[float, float] | None = None) -> str:
    """'0.327 (0.310 to 0.344)': the mean with Student's 95 % interval over seeds; the mean alone of one seed.

    Student's interval does not know what values there can be, so that of a proportion is cut at `bounds` (0, 1). A `z`
    in the format writes 0.000 for -0.000.
    """
    found = t_interval(np.array(values))
    if found is None or found.low is None or found.high is None:
        return f"{fmean(values):{form}}"
    low, high = (found.low, found.high) if bounds is None else np.clip((found.low, found.high), *bounds)
    return f"{found.estimate:{form}} ({low:{form}} to {high:{form}})"
