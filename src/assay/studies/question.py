"""What a question of a study answers with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assay.seeds import over_what
from assay.studies.cells import Cells
from assay.studies.rows import Row

NOT_SHOWN = "not shown"
DIFFERS = "differs between families"
ONE_SEED = (
    "one seed cannot show how much runs of one recipe differ, so nothing is said of the recipe; the numbers are of "
    "these runs"
)
FEW_SEEDS = "An arm of it has fewer than three seeds: no verdict."


@dataclass(frozen=True, slots=True)
class Draft:
    """A question whose numbers are there; `answer` gives its verdicts, after the correction over all tests."""

    tests: Sequence[Row | None]
    answer: Callable[[], "Question"]


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
