"""Was a benchmark in the training text? How well a model continues its problems, beside problems that cannot have been.

After Wu et al. 2025, arXiv 2507.10532: the first 40, 60 and 80 % of a problem's words are given, and the greedy
continuation is compared with the rest. Text of a kind can be guessed in part, so what counts is the difference from a
clean set of the same kind. Shape legend: P problems of a set, N all of both.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from assay import __version__
from assay.audits import interval_finding, interval_json
from assay.audits.compare import rounded
from assay.audits.recall import SETS, read_continued
from assay.files import ignore
from assay.stats import LEVEL, RESAMPLES, SEED, TIE, Floats, mean_interval
from assay.types import Finding, Interval

SCHEMA = "assay.contamination/1"
CONTAMINATED, NOT_SHOWN, CANNOT_TELL = "contaminated", "not shown", "cannot be told"
ALPHA = 0.05
MARGIN = 0.1
"""An excess recall of the suspect set that an audit must be able to see before it says that none was shown."""
LEAST = 5
"""Problems of each set below which nothing can be told: of five and five the largest difference has p = .008."""
OVERTURN = {
    CONTAMINATED: "A clean set of the same kind, style and length that is recalled as well as the suspect one.",
    NOT_SHOWN: "Other problems of the suspect set that are recalled better than clean ones; text that leaked in other "
    "words than these, or only its answers, is not seen by this.",
    CANNOT_TELL: "More problems of both sets, of one kind.",
}
AT_ONCE = 2_000_000
"""Values that are shuffled at once."""
EXAMPLES = 4
"""Continuations of each set that are kept to be read, the best recalled ones."""
LONGEST = 2_000  # characters of each
GRADED = 10**9
"""Trials behind a mean of ROUGE-L, which is no share of anything: only the problems bound what is known of it."""
MEASURES = ("exact", "rouge_l", "answer_in")
METHOD = (
    "ROUGE-L of the continuation with the rest of the problem, mean over the shares given and then over problems, "
    "suspect minus clean; permutation of problems between the sets, interval from Wilson's of both (Newcombe's hybrid)"
)


@dataclass(frozen=True, slots=True)
class Difference:
    """The means of a measure on both sets, and suspect minus clean with its interval and two-sided p-value."""

    suspect: Interval
    clean: Interval
    estimate: float
    low: float
    high: float
    p_value: float


def measure(paths: Sequence[Path], labels: Sequence[str], advance: Callable[[int], None] = ignore) -> dict[str, Any]:
    """The document `contamination.json` of these files (docs/contamination.md); `advance` counts them.

    Raises DataError for a file that cannot be read.
    """
    told: dict[str, Any] = {}
    findings: list[Finding] = []
    for path, label in zip(paths, labels, strict=True):
        told[label], found = _tell(path, label)
        findings += found
        advance(1)
    document: dict[str, Any] = rounded(
        {
            "schema": SCHEMA,
            "assay_version": __version__,
            "models": told,
            "findings": [asdict(finding) for finding in findings],
            "settings": {
                "method": METHOD, "level": LEVEL, "margin": MARGIN, "resamples": RESAMPLES, "seed": SEED,
            },
        }
    )  # fmt: skip
    return document


def difference(suspect_P: Floats, clean_P: Floats) -> Difference | None:
    """Of values in [0, 1]; None without values of both sets."""
    above, below = mean_interval(suspect_P, GRADED), mean_interval(clean_P, GRADED)
    if above is None or below is None:
        return None
    gap = above.estimate - below.estimate
    low = gap - np.hypot(_side(above, "low"), _side(below, "high"))
    high = gap + np.hypot(_side(above, "high"), _side(below, "low"))
    return Difference(above, below, gap, float(low), float(high), _permuted(suspect_P, clean_P))


def _side(interval: Interval, bound: str) -> float:
    value = interval.low if bound == "low" else interval.high
    assert value is not None
    return abs(interval.estimate - value)


def _permuted(suspect_P: Floats, clean_P: Floats) -> float:
    """Two-sided p-value of the difference of means, over random assignments of the problems to the sets."""
    values_N = np.concatenate([suspect_P, clean_P])
    size, total = len(suspect_P), float(values_N.sum())
    generator = np.random.default_rng(SEED)
    rows = max(1, AT_ONCE // len(values_N))
    parts = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
    shuffled = (generator.permuted(np.tile(values_N, (part, 1)), axis=1) for part in parts)
    sums_B = np.concatenate([values_BN[:, :size].sum(axis=1) for values_BN in shuffled])
    gaps_B = sums_B / size - (total - sums_B) / len(clean_P)
    gap = abs(float(suspect_P.mean()) - float(clean_P.mean()))
    return float((1 + (np.abs(gaps_B) >= gap - TIE).sum()) / (1 + RESAMPLES))


def decide(overall: Difference | None, problems: Mapping[str, int]) -> str:
    """Contaminated where the suspect set is recalled better, clearly; not shown where `MARGIN` would have been seen."""
    if overall is None or min(problems.values()) < LEAST:
        return CANNOT_TELL
    if overall.low > 0 and overall.p_value < ALPHA:
        return CONTAMINATED
    return NOT_SHOWN if overall.high < MARGIN else CANNOT_TELL


def _tell(path: Path, label: str) -> tuple[dict[str, Any], list[Finding]]:
    """What one file says, and its findings."""
    rows = read_continued(path)
    shares = rows["share"].unique().sort().to_list()
    whole = rows.group_by("set", "problem", maintain_order=True).agg(pl.col("rouge_l").mean(), pl.len().alias("shares"))
    whole = whole.filter(pl.col("shares") == len(shares))
    overall = _difference(whole, "rouge_l")
    problems = {name: int((whole["set"] == name).sum()) for name in SETS}
    verdict = decide(overall, problems)
    why = _why(label, verdict, overall, problems, shares)
    numbers = None if overall is None else Interval(overall.estimate, overall.low, overall.high)
    told = interval_finding("contamination", label, why, numbers, sum(problems.values()), METHOD)
    findings = [replace(told, verdict=verdict)]
    table: dict[str, dict[str, Any]] = {}
    for share in shares:
        at = rows.filter(pl.col("share") == share)
        table[f"{share:g}"] = {}
        for name in MEASURES:
            found = _difference(at, name)
            table[f"{share:g}"][name] = _record(found)
            if found is not None:
                claim = f"{name} from {share:.0%} of a problem, suspect minus clean"
                interval = Interval(found.estimate, found.low, found.high)
                known = int(at[name].count())
                findings.append(interval_finding("contamination", label, claim, interval, known, METHOD))
    record = {
        "verdict": verdict,
        "why": why,
        "overturn": OVERTURN[verdict],
        "overall": _record(overall),
        "shares": table,
        "problems": problems,
        "examples": _examples(rows.filter(pl.col("share") == shares[0])),
        "file": path.name,
        "model": next(iter(rows["model"].drop_nulls()), None),
        "tasks": {name: next(iter(rows.filter(pl.col("set") == name)["task"].drop_nulls()), None) for name in SETS},
    }
    return record, findings


def _difference(rows: pl.DataFrame, name: str) -> Difference | None:
    suspect, clean = (rows.filter(pl.col("set") == each)[name].drop_nulls().to_numpy() for each in SETS)
    return difference(suspect, clean)


def _record(found: Difference | None) -> dict[str, Any] | None:
    if found is None:
        return None
    sets = {"suspect": interval_json(found.suspect), "clean": interval_json(found.clean)}
    return asdict(found) | sets


def _why(
    label: str, verdict: str, overall: Difference | None, problems: Mapping[str, int], shares: Sequence[float]
) -> str:
    counts = f"{problems['suspect']} suspect and {problems['clean']} clean problems"
    if overall is None or min(problems.values()) < LEAST:
        return f"{counts} are too few to tell anything; at least {LEAST} of each are needed."
    given = " to ".join(f"{share:.0%}" for share in dict.fromkeys((shares[0], shares[-1])))
    seen = (
        f"Given {given} of a problem, {label} continues suspect ones with ROUGE-L {overall.suspect.estimate:.3f} and "
        f"clean ones with {overall.clean.estimate:.3f} ({overall.estimate:+.3f}, 95 % interval {overall.low:+.3f} to "
        f"{overall.high:+.3f}, p = {overall.p_value:.4f}; {counts})"
    )
    if verdict == CONTAMINATED:
        return f"{seen}: it knows the suspect ones better than their kind explains."
    if verdict == NOT_SHOWN:
        return f"{seen}: an excess of {MARGIN:g} would have been seen."
    return f"{seen}: an excess of {MARGIN:g} is neither shown nor excluded."


def _examples(rows: pl.DataFrame) -> list[dict[str, Any]]:
    columns = ("set", "problem", "share", "tail", "continuation", "exact", "rouge_l", "answer_in")
    best = rows.sort("rouge_l", "problem", descending=[True, False])
    chosen = pl.concat([best.filter(pl.col("set") == name).head(EXAMPLES) for name in SETS])
    return [
        {name: value[:LONGEST] if isinstance(value, str) else value for name, value in row.items()}
        for row in chosen.select(columns).iter_rows(named=True)
    ]
