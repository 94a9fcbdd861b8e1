"""`assay sample`: many responses a problem, into a sample file."""

from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.progress import progress, say
from assay.errors import Interrupted, RecipeError
from assay.registry import resolve
from assay.tasks import Task, make_task, stop_of
from assay.types import Sampling

GENERATED_PROBLEMS = 256


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
    slots: Annotated[int, typer.Option(min=1, help="Responses decoded at once.")] = 512,
) -> None:
    """Draw many responses a problem from a model into a sample file, with their grades.

    assay sample organism:code-base --task countdown --problems 64 -n 128 --out base.parquet
    """
    chosen = make_task(task, data)
    if split not in ("train", "test"):
        raise RecipeError(f"--split {split!r}: there are train and test")
    count = _problems(chosen, split, problems)
    longest = max_new_tokens or chosen.max_new_tokens
    sampling = Sampling(temperature, top_p, top_k, longest, stop_of(chosen) if stop is None else tuple(stop), seed)
    try:
        with progress("sampling", count * n, "samples") as advance:
            resolve("assay.rollout.sampling:sample_to_file")(
                model=model, task=chosen, out=out, problems=count, n=n, sampling=sampling, template=template,
                split=split, problem_seed=problem_seed, device=device, dtype=dtype, slots=slots,
                advance=advance, note=say,
            )  # fmt: skip
        if under is not None:
            with progress("scoring", count * n, "responses") as advance:
                resolve("assay.rollout.under_file:add_under")(out, under, device, dtype, advance=advance, note=say)
    except KeyboardInterrupt:
        raise Interrupted("the same command continues; finished problems are kept") from None
    print(out)


def _problems(task: Task, split: Any, asked: int | None) -> int:
    size = task.size(split)
    if asked is not None:
        return asked
    return GENERATED_PROBLEMS if size is None else size
