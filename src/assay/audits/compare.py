"""Runs every audit over the sample files of a base and of tuned models, and puts the findings document together.

The document is that of docs/findings_schema.md: plain data, no NaN, the same bytes for the same inputs.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from assay import __version__
from assay.annotators import Annotator
from assay.audits import AUDITS, Result
from assay.audits.inputs import read_inputs
from assay.audits.labels import make_labels
from assay.audits.phrases import PHRASES
from assay.audits.together import all_tests
from assay.errors import DataError
from assay.files import ignore
from assay.registry import resolve

SCHEMA = "assay.findings/1"
DIGITS = 10
DOCUMENT_KEYS = (
    "accuracy_histogram", "length", "strategy", "diversity", "entropy", "distinct_n", "reflection", "reasoning",
    "annotator", "perplexity", "examples",
)  # fmt: skip
COMPARISON_KEYS = (
    "base", "tuned", "verdict", "why", "overturn", "evidence", "crossover", "crossover_reason", "solvable",
    "solvable_test", "solvable_problems", "support", "pass_at_k_difference", "sampling_efficiency_gap",
    "on_verdict_problems", "per_problem", "strategy", "length", "diversity",
    "entropy", "distinct_n", "reflection", "reasoning", "preferred", "perplexity",
)  # fmt: skip


def compare(
    paths: Sequence[Path],
    labels: Sequence[str] | None = None,
    intersect: bool = False,
    allow_different_sampling: bool = False,
    annotator: Annotator | None = None,
    advance: Callable[[int], None] = ignore,
    phrases: Mapping[str, Sequence[str]] = PHRASES,
) -> dict[str, Any]:
    """The findings document of these sample files, the base's first.

    `annotator` is a simulated one, asked whether it prefers the tuned models' responses; `phrases` are the lists of
    phrases that tell reflection (`assay.audits.phrases.load_phrases`). `advance` is called once a
    file and once an audit (`steps` in all). Raises DataError where a file cannot be read or the files cannot be
    compared: problems that are not in every file (unless `intersect`), different sampling settings (unless allowed).
    """
    if len(paths) < 2:
        raise DataError(f"an audit compares a base with at least one tuned model, got {len(paths)} sample file(s)")
    names = make_labels([str(path) for path in paths], labels)
    inputs = read_inputs(
        [Path(path) for path in paths], names, intersect, allow_different_sampling, annotator, advance, phrases
    )
    results: list[Result] = []
    for target in AUDITS.values():
        results.append(resolve(target)(inputs))
        advance(1)
    document = {key: value for result in results for key, value in result.document.items()}
    comparisons = {}
    for label in names[1:]:
        merged = {key: value for result in results for key, value in result.comparisons.get(label, {}).items()}
        comparisons[label] = {key: merged[key] for key in COMPARISON_KEYS}
    first = comparisons[names[1]]
    findings: dict[str, Any] = rounded(
        {
            "schema": SCHEMA,
            "assay_version": __version__,
            "models": list(names),
            "pass_at_k": document["pass_at_k"],
            "guess_floor": document["guess_floor"],
            "comparisons": comparisons,
            "tests": all_tests(comparisons),
            **{key: first[key] for key in ("crossover", "solvable", "verdict")},
            "findings": [asdict(finding) for result in results for finding in result.findings],
            **{key: document[key] for key in DOCUMENT_KEYS},
            "settings": inputs.settings,
        }
    )
    return findings


def steps(files: int) -> int:
    """How often `compare` calls `advance`."""
    return files + len(AUDITS)


def rounded(value: Any) -> Any:
    """Floats to ten significant digits, so that the order of a sum does not show; NaN is a fault of ours."""
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    if isinstance(value, float):
        assert math.isfinite(value), "unknown is None, never NaN or Infinity"
        return float(f"{value:.{DIGITS}g}")
    assert value is None or isinstance(value, str | int), f"not plain data: {value!r}"
    return value
