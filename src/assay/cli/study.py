"""`assay study`: many runs as one question."""

import json
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.cli.progress import progress, say
from assay.errors import Interrupted, RecipeError, RunError
from assay.files import held
from assay.registry import nearest, resolve
from assay.studies.check import ONE_SEED, arithmetic, check, write_study
from assay.studies.file import Study, load_study
from assay.studies.jobs import base_jobs, cell_jobs
from assay.studies.matrix import Matrix
from assay.studies.run import count_jobs, run_study

SHIPPED = ("quick", "standard", "mechanisms", "full")


def command(
    study: Annotated[str, typer.Argument(help=f"A TOML file, or a shipped study: {', '.join(SHIPPED)}.")],
    out: Annotated[Path | None, typer.Option(help="The study's directory; default studies/NAME.")] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="Runs at once; default as the study says.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key of the study; repeatable.")] = None,
    data: Annotated[str | None, typer.Option(help="Local data for the recipe's task.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there is to do, and do nothing.")] = False,
) -> None:
    """Train every arm from every family with every seed, audit all models, and say what the comparison shows.

    assay study quick --out quick
    """
    asked = _load(study, [*(set_ or []), *([] if data is None else [f"data={json.dumps(data)}"])])
    matrix = Matrix(asked, (out or Path("studies") / asked.name).resolve())
    count = processes or asked.budget.processes
    check(matrix, f"study {study}" if study in SHIPPED else study)
    if dry_run:
        _show_plan(matrix, count)
        return
    matrix.out.mkdir(parents=True, exist_ok=True)
    try:
        failed = _run(matrix, count)
    except KeyboardInterrupt:
        raise Interrupted("the same command continues; what is finished is kept") from None
    if failed:
        told = "\n".join(f"{name}: {why}" for name, why in failed.items())
        raise RunError(f"{len(failed)} of {count_jobs(matrix)} jobs failed; the same command tries them again\n{told}")


def _run(matrix: Matrix, processes: int) -> dict[str, str]:
    """Runs the study and shows what it says; returns what failed, by name, with the sentence that says why."""
    with held(matrix.out, "another process runs this study; wait for it, or stop it"):
        write_study(matrix)
        for line in arithmetic(matrix, processes):
            say(line)
        with progress("study", count_jobs(matrix), "jobs") as advance:
            failed = run_study(matrix, processes, say, advance)
        if any(matrix.is_done(cell) for cell in matrix.cells()):
            document = resolve("assay.studies.document:write")(matrix)
            resolve("assay.report.study:write")(document, matrix.report)
            _show(document, matrix)
    return failed


def _load(study: str, overrides: list[str]) -> Study:
    """A study of the user's, or a shipped one."""
    if study in SHIPPED:
        with as_file(files("assay.studies") / f"{study}.toml") as shipped:
            return load_study(shipped, overrides)
    if not study.endswith(".toml") and not Path(study).exists():
        raise RecipeError(
            f"{study}: there is no such study{nearest(study, SHIPPED)}; give a TOML file, or {', '.join(SHIPPED)}"
        )
    return load_study(Path(study), overrides)


def _show_plan(matrix: Matrix, processes: int) -> None:
    """All jobs, in order, with what is done."""
    print("\n".join(arithmetic(matrix, processes)))
    for job in [*base_jobs(matrix), *cell_jobs(matrix)]:
        print(f"{'done' if job.is_done(matrix) else 'to do':<6} {job.name}")


def _show(document: dict[str, Any], matrix: Matrix) -> None:
    """The verdicts, and where everything is."""
    for each in document["verdicts"]:
        family = f" ({each['family']})" if each.get("family") else ""
        print(f"{each['question']}{family}: {each['verdict']}\n  {each['sentence']}")
    if len(matrix.study.seeds) == 1:
        print(ONE_SEED)
    print(f"findings {matrix.findings}\nreport   {matrix.report}")
