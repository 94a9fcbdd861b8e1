"""`assay score`: grade a sample file again."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NamedTuple

import polars as pl
import typer

from assay.annotators import dials
from assay.cli.progress import progress, say
from assay.errors import DataError, Interrupted
from assay.registry import resolve
from assay.rollout.regrade import Regrade, regrade, renamed, tasks_of
from assay.samples import read_responses, write_samples
from assay.store import annotators_of
from assay.tasks import Task

EXAMPLES = 5
SHOWN_CHARACTERS = 60


class Column(NamedTuple):
    """What a model adds to a file: a column of values and one with its label; and how it is loaded."""

    values: str
    label: str
    load: str


UNDER = Column("logprob_under", "under", "assay.policies.load:load_policy")
REWARD = Column("reward", "reward_model", "assay.policies.reward_model:load_reward_model")


def command(
    file: Annotated[Path, typer.Argument(help="JSONL or Parquet rows of problem and response, graded or not.")],
    out: Annotated[Path, typer.Option(help="The file to write; JSONL where the name ends in .jsonl, else Parquet.")],
    task: Annotated[str | None, typer.Option(help="Task spec; default what the column task says.")] = None,
    data: Annotated[str | None, typer.Option(help="Local data that the problems come from.")] = None,
    under: Annotated[str | None, typer.Option(help="Add each response's log-probability under this model.")] = None,
    reward_model: Annotated[
        str | None, typer.Option(help="Add each response's reward by this reward model: columns reward, reward_model.")
    ] = None,
    changes: Annotated[Path | None, typer.Option(help="Write every row whose grade changed here.")] = None,
    template: Annotated[str, typer.Option(help="Prompt template where the file has no prompts.")] = "auto",
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto; for models.")] = "auto",
    dtype: Annotated[str, typer.Option(help="float32, bfloat16, or auto; for models.")] = "auto",
) -> None:
    """Grade a sample file of any program again, and say what changed.

    assay score base.parquet --task countdown --out graded.parquet --changes changes.jsonl
    """
    if out.exists():
        raise DataError(f"{out}: is there already; give another --out or remove it")
    rows = read_responses(file)
    if task is None and (under or reward_model) and "task" not in rows.columns:
        tasks: Mapping[str | None, Task] = {}
    else:
        tasks = tasks_of(rows, task, data)
        for given, chosen in renamed(rows, tasks):
            say(f"task {given} in the file is graded as {chosen}")
        with progress("grading", rows.height, "responses") as advance:
            result = regrade(rows, tasks, advance)
        rows = result.rows
        print("\n".join(summary(result)))
        if changes is not None:
            write_samples(changes, result.changes)
            print(f"changes   {changes}")
    for column, model in ((UNDER, under), (REWARD, reward_model)):
        if model is not None:
            rows = _with_model(file, out, rows, tasks, column, model, template, device, dtype)
    write_samples(out, rows)
    print(f"written   {out}")


def summary(result: Regrade) -> list[str]:
    """What to tell about a regrade: grades now, agreement with those before, every kind of change, a few examples."""
    judges = ", ".join(result.rows["judge"].unique().sort())
    grades = ", ".join(f"{result.count(grade):,} {grade}" for grade in ("right", "wrong", "unknown"))
    lines = [f"{result.rows.height:,} responses graded by {judges}: {grades}"]
    if result.agreement is None:
        return [*lines, "the file had no grades to compare with"]
    same = result.compared - result.changes.height
    lines.append(f"{same:,} of {result.compared:,} grades stay as they were ({result.agreement:.2%})")
    for (before, after), count in result.transitions.items():
        if before is not None and before != after:
            lines.append(f"  {before} -> {after}: {count:,}")
    for row in result.changes.head(EXAMPLES).iter_rows(named=True):
        end = " ".join(row["response"].split())[-SHOWN_CHARACTERS:]
        why = row["reason"] or f"answer {row['answer']!r}"
        lines.append(f"  {row['problem'][:SHOWN_CHARACTERS]!r}: {row['before']} -> {row['after']} ({why}): ...{end}")
    return lines


def _with_model(
    file: Path,
    out: Path,
    rows: pl.DataFrame,
    tasks: Mapping[str | None, Task],
    column: Column,
    reference: str,
    template: str,
    device: str,
    dtype: str,
) -> pl.DataFrame:
    """The rows with what a model says of each, and its label; a stopped scoring continues."""
    model = resolve(column.load)(reference, device, dtype)
    before = rows[column.label].drop_nulls().unique().to_list() if column.label in rows.columns else []
    if column.values in rows.columns and before != [model.label] and column is REWARD:
        by = before[0] if before else "something else"
        raise DataError(
            f"{file}: has a column {column.values!r} already, by {by}; rename it, or score the file it was made of"
        )
    source = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    settings = {
        column.label: model.label,
        "file": source,
        "template": template,
        "tasks": [task.spec for task in tasks.values()],
    }
    parts = resolve("assay.rollout.parts:Parts")(out, settings, kind=f"{column.label}.parts")
    try:
        with progress("scoring", rows.height, "responses") as advance:
            score_rows = resolve("assay.rollout.under_file:score_rows")
            values = score_rows(rows, model, parts, tasks, template, advance=advance, note=say)
    except KeyboardInterrupt:
        raise Interrupted("the same command continues the scoring") from None
    scored = rows.with_columns(values.alias(column.values), pl.lit(model.label).alias(column.label))
    if column is REWARD and (annotators := annotators_of(reference)):
        scored = scored.with_columns(annotator=pl.lit("; ".join(annotators)))
        print(f"The preferences behind the reward are simulated: {dials(annotators)}")
    write_samples(out, scored)
    parts.remove()
    return scored
