"""Off-policy distillation: from a teacher's graded samples to the traces that a student is trained on. No torch.

Kept is what the verifier accepts: of each problem at most so many traces, no canonical solution twice.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.errors import DataError, RecipeError
from assay.files import ignore, write_text
from assay.recipe import derive_seed
from assay.rollout.regrade import find_prompts, regrade
from assay.samples import read_responses
from assay.stats import mean_interval, ratio_pseudo_values
from assay.tasks import Split, Task, data_hash_of, make_task, parse_spec
from assay.types import Interval, Prompt, Stop, Verdict

SCHEMA = "assay.yield/1"
READ = ("problem", "response", "member", "stop", "length_tokens", "model")
"""Columns that are taken as they are."""
GRADES = ("verdict", "judge", "data_hash")
"""Columns that say what is known of a response, by which verifier and which golds."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A problem with its samples and the traces that were kept of them.

    `right` counts what the verifier accepts, `truncated` those of them that ended for their length and are no example
    of how to end, `duplicates` those whose solution another one has too.
    """

    prompt: Prompt
    sampled: int
    right: int
    unknown: int
    truncated: int
    duplicates: int
    beyond: int
    kept: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def accepted(self) -> int:
        """Right samples that ended by themselves."""
        return self.right - self.truncated


def read_rows(path: Path, task: Task, split: Split) -> tuple[pl.DataFrame, dict[str, Prompt], int]:
    """The samples of the split's problems, their prompts by problem, and how many are of the other split.

    Of the columns, those that `traces` reads. Raises DataError for a file that cannot be read, that says it is of
    another task, or whose problems are not the task's.
    """
    rows = read_responses(path)
    if "task" in rows.columns:
        for spec in rows["task"].cast(pl.String).drop_nulls().unique(maintain_order=True):
            if not _is_of(spec, task):
                raise DataError(
                    f"{path}, column 'task': the samples are of {spec}, not of {task.spec}; give --task {spec}, or "
                    "remove the column to have them judged as answers to this one"
                )
    names = dict.fromkeys(rows["problem"].to_list())
    found = find_prompts({(None, name): None for name in names}, {None: task})
    prompts = {name: prompt for (_, name), prompt in found.items() if prompt.split == split}
    kept = rows.filter(pl.col("problem").is_in(list(prompts)))
    if kept.is_empty():
        raise DataError(f"{path}: no problem is of the split {split!r} of {task.spec}; give the other --split")
    texts = {name: pl.col(name).cast(pl.String) if name in rows.columns else pl.lit(None, pl.String) for name in GRADES}
    kept = kept.select([name for name in READ if name in rows.columns], **texts)
    return kept, prompts, rows.height - kept.height


def _is_of(spec: str, task: Task) -> bool:
    """Whether a spec is that of the task, whatever the order of its options and a path of data.

    Of a task that generates its problems, options may also say what holds without them.
    """
    try:
        options = parse_spec(spec)
        options.pop("data", None)
        if options == parse_spec(task.spec):
            return True
        return task.about.source == "generated" and make_task(options).spec == task.spec
    except (DataError, RecipeError):
        return False


def is_judged(rows: pl.DataFrame, task: Task, split: Split) -> pl.Series:
    """Which rows have a verdict of the task's own verifier, by the golds that it has now. The others are judged."""
    verdicts = pl.col("verdict").is_in(list(map(str, Verdict))) & (pl.col("judge") == task.judge)
    golds = pl.col("data_hash").eq_missing(pl.lit(data_hash_of(task, split), pl.String))
    return rows.select((verdicts & golds).fill_null(False)).to_series()


def judge(rows: pl.DataFrame, known: pl.Series, task: Task, advance: Callable[[int], None] = ignore) -> pl.DataFrame:
    """The rows, those that are not `known` judged by the task."""
    judged = regrade(rows.filter(~known), {None: task}, advance).rows
    return pl.concat([rows.filter(known), judged.select(rows.columns)])


def with_solutions(rows: pl.DataFrame, task: Task, prompts: Mapping[str, Prompt]) -> pl.DataFrame:
    """The rows with `solution`: the canonical form that the task reads off right responses, null where it cannot."""
    answers = zip(rows["problem"], rows["response"], rows["verdict"], strict=True)
    solutions = [
        task.labels(prompts[problem], response).solution if verdict == Verdict.RIGHT else None
        for problem, response, verdict in answers
    ]
    return rows.with_columns(pl.Series("solution", solutions, pl.String))


def select(
    rows: pl.DataFrame, prompts: Mapping[str, Prompt], per_problem: int | None = None, seed: int = 0
) -> list[Traced]:
    """The problems in the order of their names, each with at most `per_problem` traces (None: all).

    Which traces are kept depends on seed, problem and text alone, not on the order of the rows.
    """
    order = ["problem", "response", *(["member"] if "member" in rows.columns else [])]
    parts = rows.sort(order, nulls_last=True).partition_by("problem", as_dict=True, maintain_order=True)
    return [_traced(prompts[name], parts[(name,)].to_dicts(), per_problem, seed) for name in sorted(prompts)]


def _traced(prompt: Prompt, rows: Sequence[dict[str, Any]], per_problem: int | None, seed: int) -> Traced:
    right = [row for row in rows if row["verdict"] == Verdict.RIGHT]
    ended = [row for row in right if row.get("stop") != Stop.LENGTH and row["response"].strip()]
    drawn = sorted(ended, key=lambda row: derive_seed(seed, "trace", prompt.problem, row["response"]))
    distinct: dict[str, Mapping[str, Any]] = {}
    for row in drawn:
        distinct.setdefault(row["solution"] or " ".join(row["response"].split()), row)
    kept = list(distinct.values())[:per_problem]
    return Traced(
        prompt=prompt,
        sampled=len(rows),
        right=len(right),
        unknown=sum(row["verdict"] == Verdict.UNKNOWN for row in rows),
        truncated=len(right) - len(ended),
        duplicates=len(ended) - len(distinct),
        beyond=len(distinct) - len(kept),
        kept=tuple(kept),
    )


def trace_row(of: Traced, row: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """A row to train on: the problem as its task poses it, so that a student sees it in its own template."""
    prompt: Any = of.prompt.text if of.prompt.messages is None else [dict(each) for each in of.prompt.messages]
    known = {name: row[name] for name in ("solution", "member", "model") if row.get(name) is not None}
    return {
        "prompt": prompt,
        "completion": row["response"],
        "problem": of.prompt.problem,
        "task": task.spec,
        **known,
    }


def write_traces(path: Path, traced: Sequence[Traced], task: Task) -> int:
    """Writes the kept traces, a JSON object a line; how many. Raises DataError where other traces are there already."""
    lines = [json.dumps(trace_row(of, row, task), ensure_ascii=False) for of in traced for row in of.kept]
    text = "".join(f"{line}\n" for line in lines)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise DataError(f"{path}: holds other traces, made of other samples or by other options; give another --out")
    write_text(path, text)
    return len(lines)


def yield_document(traced: Sequence[Traced], rows: pl.DataFrame, **settings: Any) -> dict[str, Any]:
    """yield.json (docs/distillation.md): how much of what was sampled is accepted, and of how many problems."""
    sampled_M, accepted_M = (
        np.array([getattr(each, name) for each in traced], dtype=np.float64) for name in ("sampled", "accepted")
    )
    share = mean_interval(ratio_pseudo_values(accepted_M, sampled_M), trials=int(sampled_M.sum()))
    covered = mean_interval((accepted_M > 0).astype(np.float64), trials=len(traced))
    sums = ("sampled", "right", "unknown", "truncated", "accepted", "duplicates", "beyond")
    kept = [row for each in traced for row in each.kept]
    has_lengths = "length_tokens" in rows.columns and not rows["length_tokens"].null_count()
    tokens = (int(rows["length_tokens"].sum()), sum(row["length_tokens"] for row in kept)) if has_lengths else None
    return {
        "schema": SCHEMA,
        **settings,
        **{name: sum(getattr(each, name) for each in traced) for name in sums},
        "kept": len(kept),
        "yield": _interval(share),
        "problems": len(traced),
        "covered": int((accepted_M > 0).sum()),
        "coverage": _interval(covered),
        "tokens_sampled": tokens[0] if tokens else None,
        "tokens_kept": tokens[1] if tokens else None,
        "by_problem": {
            each.prompt.problem: {
                "sampled": each.sampled, "accepted": each.accepted, "distinct": len(each.kept) + each.beyond,
                "kept": len(each.kept),
            }
            for each in traced
        },
    }  # fmt: skip


def _interval(found: Interval | None) -> dict[str, float | None]:
    assert found is not None
    return {"estimate": found.estimate, "low": found.low, "high": found.high}
