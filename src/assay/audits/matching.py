"""Which problems the files share, and whether they were sampled alike."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from assay.errors import DataError

MUST_AGREE = {
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "max_new_tokens": "length limit",
    "template_hash": "template",
    "wording": "prompt wording",
    "data_hash": "data hash",
}
MAY_BE_SEVERAL = ("data_hash",)
"""Settings of a problem rather than of sampling: a file of two splits or tasks has two values."""


def match(tables: Sequence[pl.DataFrame], labels: Sequence[str], intersect: bool) -> tuple[list[str], int]:
    """The problems that all files have, in order, and how many others were left out.

    Raises DataError for problems that are not in every file unless `intersect`, and where they share none.
    """
    sets = [set(table["problem"].to_list()) for table in tables]
    shared, everything = set.intersection(*sets), set.union(*sets)
    for label, each in zip(labels[1:], sets[1:], strict=True):
        if each != sets[0] and not intersect:
            sides = [_missing(sets[0] - each, labels[0]), _missing(each - sets[0], label)]
            hint = f"--intersect compares the {len(shared)} that all share" if shared else "they share none"
            raise DataError(
                f"{labels[0]} and {label} do not answer the same problems: {' and '.join(filter(None, sides))}; {hint}"
            )
    if not shared:
        raise DataError(f"{', '.join(labels)} share no problem; is `problem` written the same way in each file?")
    return sorted(shared, key=_order), len(everything) - len(shared)


def _missing(problems: set[str], label: str) -> str:
    if not problems:
        return ""
    examples = ", ".join(repr(_shortened(problem)) for problem in sorted(problems, key=_order)[:2])
    return f"{len(problems)} only in {label} (such as {examples})"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _order(problem: str) -> tuple[int, int, str]:
    """Integers by value, then everything else as text."""
    if problem.isascii() and problem.isdigit() and len(problem) < 19:
        return 0, int(problem), problem
    return 1, 0, problem


def refuse_different(settings: Sequence[dict[str, Any]], labels: Sequence[str], allowed: bool) -> list[str]:
    """The names of the sampling settings in which the files differ; DataError where there are any and none are allowed.

    A setting that a file does not record is not compared.
    """
    different = []
    for name in MUST_AGREE:
        known = [(label, each[name]) for label, each in zip(labels, settings, strict=True) if each[name] is not None]
        several = name not in MAY_BE_SEVERAL and any(isinstance(value, list) for _, value in known)
        if several or len({repr(value) for _, value in known}) > 1:
            different.append(name)
            if not allowed:
                values = ", ".join(f"{label} {_value(value)}" for label, value in known)
                raise DataError(
                    f"the files were sampled with a different {MUST_AGREE[name]} ({values}) and cannot be compared; "
                    "sample them alike, or insist with --allow-different-sampling"
                )
    return different


def _value(value: Any) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)
