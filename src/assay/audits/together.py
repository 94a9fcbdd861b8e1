"""All tests of change of one audit, corrected for how many they are (Holm 1979), so that none is read alone.

A verdict keeps its own rule, at 5 % each; of several measures and tuned models some are wrong by luck alone, and what
stays below .05 here is not.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from assay.stats import family

ALPHA = 0.05
Comparison = Mapping[str, Any]


def all_tests(comparisons: Mapping[str, Comparison]) -> list[dict[str, Any]]:
    """Every test of a difference between base and tuned model: `model`, `measure`, `estimate`, `p_value`, `p_holm`.

    `comparisons` are those of the findings document, by the tuned models' labels.
    """
    rows = [
        {"model": label, "measure": measure, "estimate": change["estimate"], "p_value": change["p_value"]}
        for label, comparison in comparisons.items()
        for measure, change in _changes(comparison)
        if change is not None
    ]
    adjusted = family({str(at): row["p_value"] for at, row in enumerate(rows)})
    return [row | {"p_holm": adjusted[str(at)]} for at, row in enumerate(rows)]


def sentence(rows: list[dict[str, Any]]) -> str | None:
    """Which of the tests hold together; None where there is but one."""
    if len(rows) < 2:
        return None
    models = list(dict.fromkeys(row["model"] for row in rows))
    held = {model: [row["measure"] for row in rows if row["model"] == model and _holds(row)] for model in models}
    named = [f"{', '.join(measures)} ({model})" for model, measures in held.items() if measures]
    what = f"these hold: {'; '.join(named)}" if named else "none holds"
    return f"Of {len(rows)} tests of change, corrected for how many they are (Holm), {what}."


def _holds(row: Mapping[str, Any]) -> bool:
    return bool(row["p_holm"] < ALPHA)


def _changes(comparison: Comparison) -> Iterator[tuple[str, Mapping[str, Any] | None]]:
    evidence = comparison["evidence"]
    yield "pass@1", evidence["pass_at_1"]
    if evidence["K"] > 1:
        yield f"pass@{evidence['K']}", evidence["pass_at_K"]
    yield "distinct solutions", (comparison["diversity"] or {}).get("change")
    for name, fate in ((comparison["strategy"] or {}).get("fates") or {}).items():
        yield f"share of strategy {name}", fate
    phrases = (comparison["reflection"] or {}).get("phrases") or {}
    for name, told in phrases.items():
        yield f"rate of reflection, {name}", told["rate"]
    yield "answer entropy", (comparison["entropy"] or {}).get("answer")
    for n, change in (comparison["distinct_n"] or {}).items():
        yield f"distinct {n}-grams", change
