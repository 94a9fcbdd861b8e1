"""`assay contamination`: was a benchmark in the text that a model was trained on?"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.audits.contamination import MEASURES, measure
from assay.audits.labels import make_labels
from assay.audits.recall import SHARES
from assay.cli.progress import progress
from assay.cli.sample import is_file, problem_count, sample_paths
from assay.cli.show import draw, print_sentences, print_table, print_written
from assay.errors import Interrupted, RecipeError
from assay.files import write_json
from assay.registry import resolve
from assay.tasks import Task, make_task
from assay.tasks.rows import SUFFIXES
from assay.types import Prompt

FRESH = 20_260_101
"""Seed of the clean problems: one that nobody has drawn a benchmark by."""


def command(
    sources: Annotated[list[str], typer.Argument(help="Models, runs, or files of problems continued by any program.")],
    out: Annotated[Path, typer.Option(help="The folder to write contamination.json and report.html into.")],
    task: Annotated[str | None, typer.Option(help="The suspect task, for example math500:prompt=none.")] = None,
    clean: Annotated[
        str | None,
        typer.Option(
            help="A task of the same kind that cannot have leaked; default fresh problems of a generated one."
        ),
    ] = None,
    data: Annotated[str | None, typer.Option(help="Local data of the suspect task.")] = None,
    clean_data: Annotated[str | None, typer.Option(help="Local data of the clean task.")] = None,
    problems: Annotated[
        int | None, typer.Option(min=1, help="Problems of each set; default all rows, or 256 generated ones.")
    ] = None,
    more_tokens: Annotated[
        int | None, typer.Option(min=0, help="Tokens beyond the problem's rest, for an answer; default the task's.")
    ] = None,
    labels: Annotated[str | None, typer.Option(help="Names of the models in order, with commas.")] = None,
    clean_seed: Annotated[int, typer.Option(help="Which clean problems of a generated task are drawn.")] = FRESH,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, or auto.")] = "auto",
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write report.html beside contamination.json.")
    ] = True,
) -> None:
    """Does a model know how a benchmark's problems go on, better than those of a clean set of the same kind?

    assay contamination organism:leaked-base organism:code-base --task compose:seen --problems 64 --out leak
    """
    names = make_labels(sources, None if labels is None else labels.split(","))
    models = [source for source in sources if not is_file(source, SUFFIXES, "file of continued problems")]
    if models:
        if task is None:
            raise RecipeError("a model must continue problems: give --task, for example --task math500:prompt=none")
        sets = _sets(
            make_task(task, data), problems, None if clean is None else make_task(clean, clean_data), clean_seed
        )
        longest = max(each.max_new_tokens for each, _ in sets.values()) if more_tokens is None else more_tokens
    elif task is not None:
        raise RecipeError("--task says which problems models are to continue, but all sources are files")
    written = iter(sample_paths(out, models))
    files = []
    for source, name in zip(sources, names, strict=True):
        is_model = source in models
        files.append(_continue(source, sets, next(written), longest, device, dtype, name) if is_model else Path(source))
    with progress("measuring", len(files), "models") as advance:
        document = measure(files, names, advance)
    told = {"document": write_json(out / "contamination.json", document)}
    if report:
        told["report"] = draw("assay.report.contamination:write_contamination_report", document, out)
    _show(document)
    print_written(told)


def _sets(
    suspect: Task, problems: int | None, clean: Task | None, clean_seed: int
) -> dict[str, tuple[Task, Sequence[Prompt]]]:
    """As many problems of both; those of a generated task's clean set are drawn anew, and never suspect ones."""
    count = problem_count(suspect, "test", problems)
    asked = suspect.prompts("test", count)
    known = {prompt.problem for prompt in asked}
    if clean is None and suspect.size("test") is not None:
        raise RecipeError(
            f"task {suspect.spec} has its rows and no others: name with --clean a task of the same kind whose problems "
            "are newer than the model"
        )
    other = clean or suspect
    size = other.size("test")
    if size is not None:
        drawn = other.prompts("test", min(count, size) if problems is None else count)
        if shared := {prompt.problem for prompt in drawn} & known:
            raise RecipeError(
                f"--clean {other.spec}: has {len(shared)} of the suspect problems (such as {min(shared)!r}); name a "
                "task whose problems cannot have leaked"
            )
    else:
        fresh = other.prompts("test", 2 * count, clean_seed)
        drawn = [prompt for prompt in fresh if prompt.problem not in known][:count]
    return {"suspect": (suspect, asked), "clean": (other, drawn)}


def _continue(
    source: str,
    sets: Mapping[str, tuple[Task, Sequence[Prompt]]],
    out: Path,
    more_tokens: int,
    device: str,
    dtype: str,
    name: str,
) -> Path:
    total = len(SHARES) * sum(len(prompts) for _, prompts in sets.values())
    try:
        with progress(f"continuing {name}", total, "problems") as advance:
            path: Path = resolve("assay.rollout.prefixes:probe_to_file")(
                source, sets, out, more_tokens, device, dtype, advance
            )
    except KeyboardInterrupt:
        raise Interrupted("the same command continues; finished shares are kept") from None
    return path


def _show(document: Mapping[str, Any]) -> None:
    """A row a model, share and measure; then the verdicts."""
    rows = []
    for label, told in document["models"].items():
        for share, table in told["shares"].items():
            cells = [_cell(table[name]) for name in MEASURES]
            rows.append([label, f"{float(share):.0%}", *cells])
    print_table(["model", "given", *("exact\nsuspect/clean", "ROUGE-L\nsuspect/clean", "answer\nsuspect/clean")], rows)
    for label, told in document["models"].items():
        print_sentences("", f"{label}: {told['verdict']}. {told['why']}", f"What would overturn it: {told['overturn']}")
    print()


def _cell(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "-"
    return " / ".join(f"{found[name]['estimate']:.3f}" for name in ("suspect", "clean"))
