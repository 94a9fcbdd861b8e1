"""`assay sample`: many responses a problem, into a sample file; also what other verbs sample by."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from assay.audits.labels import numbered
from assay.cli.progress import progress, say
from assay.errors import DataError, Interrupted, RecipeError
from assay.policies.references import find_model
from assay.registry import resolve
from assay.tasks import Split, Task, make_task, stop_of
from assay.types import Sampling

GENERATED_PROBLEMS = 256


@dataclass(frozen=True, slots=True)
class Plan:
    """What to sample from a model, and how."""

    task: Task
    problems: int
    n: int
    sampling: Sampling
    template: str = "auto"
    device: str = "auto"
    dtype: str = "auto"
    split: Split = "test"
    problem_seed: int = 0
    slots: int = 1024


def command(
    model: Annotated[str, typer.Argument(help="A model directory, a run, a hub id, or organism:NAME.")],
    task: Annotated[str, typer.Option(help="Task spec, for example countdown or compose:edge.")],
    out: Annotated[Path, typer.Option(help="The Parquet file to write; the same command continues it.")],
    problems: Annotated[int | None, typer.Option(min=1, help="Problems; default all rows, or 256.")] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="Responses a problem.")] = 128,
    temperature: Annotated[float, typer.Option(min=0.0, help="Sampling temperature; 0 takes the likeliest.")] = 1.0,
    top_p: Annotated[float, typer.Option(help="Nucleus sampling; 1 is off.")] = 1.0,
    top_k: Annotated[int, typer.Option(min=0, help="Keep only the likeliest tokens; 0 is off.")] = 0,
    max_new_tokens: Annotated[int | None, typer.Option(min=1, help="Length limit, tokens; default the task's.")] = None,
    stop: Annotated[
        list[str] | None, typer.Option(help="End a response before this string; repeatable; default the task's.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Sampling seed.")] = 0,
    split: Annotated[str, typer.Option(help="Split of the task: test or train.")] = "test",
    problem_seed: Annotated[int, typer.Option(help="Which problems are drawn.")] = 0,
    data: Annotated[str | None, typer.Option(help="Local data for a task that reads rows.")] = None,
    template: Annotated[str, typer.Option(help="Prompt template: auto, chat or plain.")] = "auto",
    under: Annotated[str | None, typer.Option(help="Also write each response's log-probability under a model.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, or auto.")] = "auto",
    slots: Annotated[int, typer.Option(min=1, help="Responses decoded at once.")] = 1024,
) -> None:
    """Draw many responses a problem from a model into a sample file, with their grades.

    assay sample organism:code-base --task countdown --problems 64 -n 128 --out base.parquet
    """
    chosen = make_task(task, data)
    if split not in ("train", "test"):
        raise RecipeError(f"--split {split!r}: there are train and test")
    part = cast(Split, split)
    count = problem_count(chosen, part, problems)
    longest = max_new_tokens or chosen.max_new_tokens
    sampling = Sampling(temperature, top_p, top_k, longest, stop_of(chosen) if stop is None else tuple(stop), seed)
    plan = Plan(chosen, count, n, sampling, template, device, dtype, part, problem_seed, slots)
    check_plan(plan, [out])
    print(sample_model(model, plan, out, under))


def check_plan(plan: Plan, outs: Sequence[Path]) -> None:
    """Refuses what can be refused before a model is loaded (`check_file`), for each file that is to be written."""
    for out in outs:
        resolve("assay.rollout.sampling:check_file")(
            task=plan.task, out=out, problems=plan.problems, n=plan.n, sampling=plan.sampling, split=plan.split,
            problem_seed=plan.problem_seed, device=plan.device, dtype=plan.dtype,
        )  # fmt: skip


def sample_model(model: Any, plan: Plan, out: Path, under: Any = None, of: str = "") -> Path:
    """Samples `model` into the file `out`, continuing what is there, and scores it under the model `under`.

    Both are references or policies; `of` says in the progress what is being sampled.
    """
    samples = plan.problems * plan.n
    try:
        with progress(f"sampling {of}".strip(), samples, "samples") as advance:
            resolve("assay.rollout.sampling:sample_to_file")(
                model=model, task=plan.task, out=out, problems=plan.problems, n=plan.n, sampling=plan.sampling,
                template=plan.template, split=plan.split, problem_seed=plan.problem_seed, device=plan.device,
                dtype=plan.dtype, slots=plan.slots, advance=advance, note=say,
            )  # fmt: skip
        if under is not None:
            with progress(f"scoring {of}".strip(), samples, "responses") as advance:
                add_under = resolve("assay.rollout.under_file:add_under")
                add_under(out, under, plan.device, plan.dtype, advance=advance, note=say)
    except KeyboardInterrupt:
        raise Interrupted("the same command continues; finished problems are kept") from None
    return out


def is_file(source: str, suffixes: tuple[str, ...], what: str) -> bool:
    """Whether a source is a file, not a model. Raises DataError for a name that ends like `what` and is not there."""
    path = Path(source)
    if not path.exists() and source.endswith(suffixes):
        raise DataError(f"{source}: there is no such {what}")
    return path.is_file()


def sample_paths(out: Path, models: Sequence[str]) -> list[Path]:
    """OUT/samples/NAME.parquet of every model, by its own name: whatever the labels and the other models."""
    names = file_names([find_model(model).name for model in models])
    return [out / "samples" / f"{name}.parquet" for name in names]


def file_names(names: Sequence[str]) -> tuple[str, ...]:
    """Each name as a file may be called: letters, digits and `._-`; numbered where two would be the same."""
    return numbered([re.sub(r"[^A-Za-z0-9._-]+", "_", name) for name in names])


def problem_count(task: Task, split: Split, asked: int | None) -> int:
    """Problems to sample where a user asked for so many: else all rows, or 256 of a task that generates them."""
    if asked is not None:
        return asked
    size = task.size(split)
    return GENERATED_PROBLEMS if size is None else size
