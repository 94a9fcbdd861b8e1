"""Grades responses again, whoever wrote and graded them, and says what changed. No torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from assay.errors import DataError, RecipeError
from assay.files import ignore
from assay.rollout.columns import COLUMNS, judged
from assay.tasks import Task, data_hash_of, make_task, verify_all
from assay.types import Prompt, Verdict

UNMATCHED_SHOWN = 3
CHUNK = 500
"""Responses that are judged together."""
CHANGE_COLUMNS = ("problem", "member", "before", "after", "reason", "answer", "judge", "response")


@dataclass(frozen=True, slots=True, eq=False)
class Regrade:
    """The rows with new grades, the rows whose grade changed, and how many went from which grade to which.

    `transitions` maps (before, after) to a count; before is None where a row had no grade. Grades are `right`, `wrong`
    and `unknown`.
    """

    rows: pl.DataFrame
    changes: pl.DataFrame
    transitions: Mapping[tuple[str | None, str], int]

    @property
    def compared(self) -> int:
        """Rows that were graded before."""
        return sum(count for (before, _), count in self.transitions.items() if before is not None)

    @property
    def agreement(self) -> float | None:
        """Share of those whose grade stayed; None where there are none."""
        same = sum(count for (before, after), count in self.transitions.items() if before == after)
        return same / self.compared if self.compared else None

    def count(self, grade: str) -> int:
        """Rows with this grade now."""
        return sum(count for (_, after), count in self.transitions.items() if after == grade)


def tasks_of(rows: pl.DataFrame, spec: str | None, data: str | None) -> dict[str | None, Task]:
    """The task of each value of the column `task`, or one for all under None where `spec` names it."""
    if spec is not None:
        return {None: make_task(spec, data)}
    specs: list[str] = rows["task"].unique(maintain_order=True).to_list() if "task" in rows.columns else []
    if not all(specs) or not specs:
        raise RecipeError("the file does not say of which task its problems are; give --task, for example --task gsm8k")
    return {each: make_task(each, data) for each in specs}


def renamed(rows: pl.DataFrame, tasks: Mapping[str | None, Task]) -> list[tuple[str, str]]:
    """Each spec in the column `task` that is graded by a task of another spec, and that one."""
    if None not in tasks or "task" not in rows.columns:
        return []
    chosen = tasks[None].spec
    return [(given, chosen) for given in rows["task"].unique(maintain_order=True) if given not in (None, chosen)]


def regrade(rows: pl.DataFrame, tasks: Mapping[str | None, Task], advance: Callable[[int], None] = ignore) -> Regrade:
    """Judges every response by its task; the other columns stay as they are.

    Prompts and golds are found by the problem's identity. Raises DataError that counts and names those not found.
    `task` and `guess_probability` are added where the file has none; `data_hash` becomes that of the golds used.
    """
    specs: list[str | None] = rows["task"].to_list() if None not in tasks else [None] * rows.height
    problems, responses = rows["problem"].to_list(), rows["response"].to_list()
    prompts = find_prompts(dict.fromkeys(zip(specs, problems, strict=True)), tasks)
    found: list[dict[str, Any]] = [{}] * rows.height
    for spec, task in tasks.items():
        places = [index for index, each in enumerate(specs) if each == spec]
        for start in range(0, len(places), CHUNK):
            chunk = places[start : start + CHUNK]
            pairs = [(prompts[spec, problems[index]], responses[index]) for index in chunk]
            for index, pair, score in zip(chunk, pairs, verify_all(task, pairs), strict=True):
                told = judged(task, score, task.labels(*pair))
                found[index] = told | {"data_hash": data_hash_of(task, pair[0].split)}
            advance(len(chunk))
    grades = pl.DataFrame(found, schema={name: COLUMNS[name] for name in found[0]})
    graded = rows.with_columns(grades)
    if "task" not in rows.columns:
        graded = graded.with_columns(
            pl.Series("task", [prompts[key].task for key in zip(specs, problems, strict=True)])
        )
    if "guess_probability" not in rows.columns:
        chance = {key: tasks[key[0]].guess_probability(prompt) for key, prompt in prompts.items()}
        values = [chance[key] for key in zip(specs, problems, strict=True)]
        graded = graded.with_columns(pl.Series("guess_probability", values, pl.Float64))
    return _compare(rows, graded)


def find_prompts(
    keys: Mapping[tuple[str | None, str], Any], tasks: Mapping[str | None, Task]
) -> dict[tuple[str | None, str], Prompt]:
    """The prompt of each (task spec, problem). Raises DataError where the tasks do not have them all."""
    found, missing = {}, []
    for spec, problem in keys:
        try:
            found[spec, problem] = tasks[spec].prompt_of(problem)
        except DataError:
            missing.append((tasks[spec].spec, problem))
    if missing:
        names = "; ".join(repr(problem) for _, problem in missing[:UNMATCHED_SHOWN])
        more = ", ..." if len(missing) > UNMATCHED_SHOWN else ""
        raise DataError(
            f"{len(missing)} of {len(keys)} problems are not of task {missing[0][0]}: {names}{more}; give the task "
            "they are of with --task and, for a task that reads rows, the rows they come from with --data"
        )
    return found


def _compare(before: pl.DataFrame, after: pl.DataFrame) -> Regrade:
    old = _grades(before)
    table = after.with_columns(old.alias("before"), pl.col("verdict").alias("after"))
    counts = table.group_by("before", "after").len().sort("before", "after", nulls_last=True)
    changed = table.filter(pl.col("before").is_not_null() & (pl.col("before") != pl.col("after")))
    return Regrade(
        rows=after,
        changes=changed.select(name for name in CHANGE_COLUMNS if name in table.columns),
        transitions={(row[0], row[1]): row[2] for row in counts.iter_rows()},
    )


def _grades(rows: pl.DataFrame) -> pl.Series:
    """The grade of each row as it was: None where the file has none."""
    nothing = pl.Series("before", [None] * rows.height, dtype=pl.String)
    if "correct" not in rows.columns:
        return nothing
    correct = rows["correct"]
    if correct.dtype.is_integer():
        if correct.drop_nulls().is_in([0, 1]).all():
            correct = correct.cast(pl.Boolean)
        else:
            return nothing
    if correct.dtype != pl.Boolean:
        return nothing
    grades = [Verdict.UNKNOWN if value is None else Verdict.RIGHT if value else Verdict.WRONG for value in correct]
    return pl.Series("before", [str(grade) for grade in grades], dtype=pl.String)
