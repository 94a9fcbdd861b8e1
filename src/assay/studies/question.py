"""What a question of a study answers with, and the numbers that answers are made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.seeds import contrast_interval, contrast_p_value, crossed_interval, crossed_p_value, over_what
from assay.stats import Floats, family
from assay.studies.cells import Cells
from assay.types import Interval

ALPHA = 0.05
NOT_SHOWN = "not shown"
DIFFERS = "differs between families"
ONE_SEED = (
    "one seed cannot show how much runs of one recipe differ, so nothing is said of the recipe; the numbers are of "
    "these runs"
)
LEAST_SEEDS = 3
"""Of every arm that a verdict rests on: of two the intervals cover too little (docs/coverage_measured.md)."""
FEW_SEEDS = "An arm of it has fewer than three seeds: no verdict."
Row = dict[str, Any]
"""{"estimate", "low", "high", "p_value", "p_holm", "seeds", "problems"} of a mean over seeds and problems; what is not
tested, and what has one seed, has None for both p-values."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its answer.

    `families` has the numbers of each family with its own `verdict` and `sentence`; `evidence` names the families and
    arms whose responses are shown, and in the document the responses.
    """

    key: str
    title: str
    verdict: str
    sentence: str
    overturn: str
    method: str
    over: str
    families: dict[str, dict[str, Any]]
    evidence: list[Any]


def answered(
    key: str,
    title: str,
    families: Mapping[str, dict[str, Any]],
    arms: Sequence[str],
    overturn: str,
    method: str,
    cells: Cells,
    shown: Sequence[str] | None = None,
) -> Question:
    """The question with a verdict over all families: theirs where it is the same, else that they differ.

    It is about `arms`; responses are shown of those in `shown`, or of all of them.
    """
    verdicts = {record["verdict"] for record in families.values()}
    missing = {name: [str(cell) for cell in cells.missing(name, arms)] for name in families}
    records = {name: {**record, "missing": missing[name]} for name, record in families.items()}
    seeds = max(
        (sum(c.arm == arm and c.family == name for c in cells.done) for name in families for arm in arms), default=0
    )
    return Question(
        key,
        title,
        verdicts.pop() if len(verdicts) == 1 else DIFFERS,
        " ".join(f"{name}: {record['sentence']}" for name, record in records.items()),
        overturn,
        method,
        over_what(seeds),
        records,
        [(name, arm) for name in families for arm in (arms if shown is None else shown)],
    )


def moved(values_SM: Floats | None, *, shares: bool = True) -> Row | None:
    """The mean of changes [S, M] over seeds and problems, tested against 0; None without any.

    `shares` False, here and below, where values need not lie in [-1, 1]: tokens, nats.
    """
    if values_SM is None:
        return None
    return _row(crossed_interval(values_SM, shares=shares), crossed_p_value(values_SM), *values_SM.shape)


def level(values_SM: Floats | None, *, shares: bool = True) -> Row | None:
    """The mean of values [S, M] of which no test asks anything; None without any."""
    return None if values_SM is None else _row(crossed_interval(values_SM, shares=shares), None, *values_SM.shape)


def contrast(a_SM: Floats | None, b_SM: Floats | None, *, shares: bool = True) -> Row | None:
    """Mean of a minus mean of b, two arms on the same problems; None where either is missing."""
    if a_SM is None or b_SM is None:
        return None
    interval = contrast_interval(a_SM, b_SM, shares=shares)
    return _row(interval, contrast_p_value(a_SM, b_SM), min(len(a_SM), len(b_SM)), a_SM.shape[1])


def _row(interval: Interval, p_value: float | None, seeds: int, problems: int) -> Row:
    bounds = {"estimate": interval.estimate, "low": interval.low, "high": interval.high}
    p_value = p_value if seeds > 1 else None  # of one seed it would be about this run, and read as about the recipe
    return {**bounds, "p_value": p_value, "p_holm": None, "seeds": seeds, "problems": problems}


def correct(rows: Iterable[Row | None]) -> None:
    """Sets the p-values of a question's tests after Holm's correction over all of them."""
    known = [row for row in rows if row is not None]
    for at, p_holm in family({str(at): row["p_value"] for at, row in enumerate(known)}).items():
        known[int(at)]["p_holm"] = p_holm


def rises(row: Row | None) -> bool:
    """Whether it is shown to lie above 0."""
    return is_shown(row) and row is not None and row["estimate"] > 0


def falls(row: Row | None) -> bool:
    """Whether it is shown to lie below 0."""
    return is_shown(row) and row is not None and row["estimate"] < 0


def is_shown(row: Row | None) -> bool:
    """Whether it is shown to differ from 0: by its interval, and after Holm's correction."""
    if row is None or row["p_holm"] is None or row["low"] is None or row["high"] is None:
        return False
    return bool(row["p_holm"] < ALPHA and not row["low"] <= 0 <= row["high"])


def has_few_seeds(*rows: Row | None) -> bool:
    """Whether one of the rows rests on too few seeds for a verdict, or is missing."""
    return any(row is None or row["seeds"] < LEAST_SEEDS for row in rows)


def words(row: Mapping[str, Any] | None, form: str = "+.3f") -> str:
    """'+0.120 (+0.100 to +0.140)'."""
    if row is None or row["estimate"] is None:
        return "not known"
    if row["low"] is None or row["high"] is None:
        return f"{row['estimate']:{form}}"
    return f"{row['estimate']:{form}} ({row['low']:{form}} to {row['high']:{form}})"
