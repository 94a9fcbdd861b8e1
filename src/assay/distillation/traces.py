"""Off-policy distillation: from a teacher's graded samples to the traces that a student is trained on. No torch.

Kept is what the verifier accepts: of each problem at most so many traces, no canonical solution twice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay.errors import DataError
from assay.files import write_text
from assay.recipe import derive_seed
from assay.rollout.regrade import find_prompts
from assay.samples import read_responses
from assay.stats import mean_interval, ratio_pseudo_values
from assay.tasks import Task
from assay.types import Interval, Prompt, Stop, Verdict

SCHEMA = "assay.yield/1"


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


def read_rows(path: Path, task: Task, split: str) -> tuple[pl.DataFrame, dict[str, Prompt], int]:
    """The samples of the split's problems, their prompts by problem, and how many are of the other split.

    Raises DataError for a file that cannot be read, or whose problems are not the task's.
    """
    rows = read_responses(path)
    names = dict.fromkeys(rows["problem"].to_list())
    found = find_prompts({(None, name): None for name in names}, {None: task})
    prompts = {name: prompt for (_, name), prompt in found.items() if prompt.split == split}
    kept = rows.filter(pl.col("problem").is_in(list(prompts)))
    if kept.is_empty():
        raise DataError(f"{path}: no problem is of the split {split!r} of {task.spec}; give the other --split")
    return kept, prompts, rows.height - kept.height


def is_graded(rows: pl.DataFrame) -> bool:
    """Whether the file says of any row that it is right or wrong; else the task's verifier is to be asked."""
    return any(name in rows.columns and rows[name].null_count() < rows.height for name in ("verdict", "correct"))


def labelled(path: Path, rows: pl.DataFrame, task: Task, prompts: Mapping[str, Prompt]) -> pl.DataFrame:
    """Graded rows with `verdict`, also where the file has `correct` alone, and `solution`, read off where it is not.

    Raises DataError for a grade that is none.
    """
    if "verdict" in rows.columns and rows["verdict"].null_count() < rows.height:
        strange = set(rows["verdict"].cast(pl.String).drop_nulls()) - set(Verdict)
        if strange:
            raise DataError(f"{path}, column 'verdict': {min(strange)!r}; expected right, wrong or unknown")
        rows = rows.with_columns(pl.col("verdict").cast(pl.String).fill_null(str(Verdict.UNKNOWN)))
    else:
        if rows["correct"].dtype != pl.Boolean:
            raise DataError(f"{path}, column 'correct': expected true, false or null; remove it to have it judged")
        words = {True: str(Verdict.RIGHT), False: str(Verdict.WRONG), None: str(Verdict.UNKNOWN)}
        rows = rows.with_columns(pl.Series("verdict", [words[each] for each in rows["correct"]], pl.String))
    if "solution" in rows.columns:
        return rows
    pairs = zip(rows["problem"], rows["response"], strict=True)
    solutions = [task.labels(prompts[problem], response).solution for problem, response in pairs]
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
