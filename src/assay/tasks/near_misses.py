"""Responses whose verdict is known from a gold answer: right ones in many forms, and near-misses."""

from collections.abc import Iterator
from fractions import Fraction

from assay.tasks.answers import canonical
from assay.types import Verdict

Case = tuple[str, Verdict, str]
"""A response, the verdict it must get, and why."""

SILENT = "I do not know."


def number_cases(value: Fraction, boxed_only: bool = False) -> Iterator[Case]:
    """What a verifier of numbers must say when the gold answer is `value`."""
    gold, more, less = canonical(value), canonical(value + 1), canonical(value - 1)
    grouped = f"{value.numerator:,}" if value.denominator == 1 else gold
    unboxed = Verdict.WRONG if boxed_only else Verdict.RIGHT
    yield rf"\boxed{{{gold}}}", Verdict.RIGHT, "gold in a box"
    yield (
        rf"The total is \(\boxed{{{grouped.replace(',', '{,}')}\text{{ units}}}}\).",
        Verdict.RIGHT,
        "gold with a unit",
    )
    yield rf"First \boxed{{{more}}}, no: \boxed{{{gold}}}", Verdict.RIGHT, "two boxes, the last is gold"
    yield f"The work.\n#### {grouped}", unboxed, "gold after ####"
    yield f"The work.\nA: {gold}", unboxed, "gold after A:"
    yield f"So the answer is {grouped}.", unboxed, "gold in a sentence"
    yield f"That makes {gold}", unboxed, "gold as the last number"
    if value.denominator == 1:
        yield rf"\boxed{{{gold}.00}}", Verdict.RIGHT, "gold with decimals"
    if value != 0:
        yield rf"\boxed{{{canonical(-value)}}}", Verdict.WRONG, "sign flipped"
        yield rf"\boxed{{{canonical(value * 10)}}}", Verdict.WRONG, "decimal point moved"
    if abs(value) >= 1000 and value.denominator == 1:
        yield rf"\boxed{{{_comma_moved(grouped)}}}", Verdict.WRONG, "thousand separator moved"
    yield rf"\boxed{{{more}}}", Verdict.WRONG, "one more"
    yield f"#### {less}", Verdict.WRONG, "one less"
    yield rf"\boxed{{{gold} or {more}}}", Verdict.WRONG, "two values in a box"
    yield rf"\boxed{{{gold}}} or rather \boxed{{{more}}}", Verdict.WRONG, "two boxes, the last is not gold"
    yield f"The work gives {gold}.\nA: {less}", Verdict.WRONG, "gold in the work, another answer"
    yield f"The work gives {gold}. So \\boxed{{{more}", Verdict.WRONG, "a box that is not closed"
    yield from silent_cases()


def text_cases(gold: str, others: list[str], form: str) -> Iterator[Case]:
    """What a verifier of texts must say: `form` holds {gold} where an answer stands, `others` are other golds."""
    yield form.replace("{gold}", gold), Verdict.RIGHT, "gold"
    for other in others:
        yield form.replace("{gold}", other), Verdict.WRONG, "another row's gold"
    yield from silent_cases()


def silent_cases() -> Iterator[Case]:
    """Responses without an answer."""
    yield SILENT, Verdict.WRONG, "no answer"
    yield "", Verdict.WRONG, "empty response"


def _comma_moved(grouped: str) -> str:
    """'1,234' -> '12,34'."""
    head, tail = grouped.split(",", 1)
    return f"{head}{tail[0]},{tail[1:]}"
