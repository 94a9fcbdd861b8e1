r"""Responses whose verdict is known from a mathematical gold answer: equal forms, near-misses, other problems' golds.

The forms are written by pattern from the text of the gold and from exact values (`case_values`); nothing here knows the
verifier that they test. What cannot be justified is not written: a bare list is reordered only where the caller says
that its order has no meaning, a pair in round brackets is taken for no interval unless an end is infinite, and another
problem's gold is given only where both have exact values that differ, or are of two kinds.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from zlib import crc32

from assay.tasks.answers import canonical
from assay.tasks.math import case_expressions as expressions
from assay.tasks.math import case_structures as structures
from assay.tasks.math.case_numbers import RIGHT, WRONG, Form, irrational_forms, rational_forms, science_forms
from assay.tasks.math.case_text import bare, bracketed, items_of
from assay.tasks.math.case_values import Terms, rational_of, terms_of
from assay.tasks.near_misses import Case, silent_cases

MARKS = {
    "gold in a box in a formula": r"So the answer is \(\boxed{GOLD}\).",
    "gold in a sentence": r"The answer is $GOLD$.",
    "gold in <answer>": "<answer>GOLD</answer>",
    "gold in a display": "Therefore\n\\[ \\boxed{GOLD} \\]",
    "gold in bold": r"**Final Answer:** $\boxed{GOLD}$",
    "gold in the field's sentence": r"Final Answer: The final answer is $GOLD$. I hope it is correct.",
    "gold in a second box": r"First I had \boxed{OTHER}, but that is wrong. The answer is \boxed{GOLD}.",
}
"""Kind -> a response that gives the gold; OTHER is another number."""
MARKS_EACH = 3
"""How many of MARKS each gold gets; which follows from its text."""

OTHER = "987654321"
"""A number that is no gold of any set known to us."""

_FAMILIES = (
    structures.marked_forms,
    structures.text_forms,
    structures.tuple_forms,
    structures.interval_forms,
    structures.plus_minus_forms,
    structures.matrix_forms,
    expressions.base_forms,
    expressions.power_forms,
    expressions.sum_forms,
    expressions.fraction_forms,
    expressions.expression_forms,
    expressions.equation_forms,
    expressions.relation_forms,
)


def math_cases(
    gold: str, others: Sequence[str] = (), *, unordered: bool = False, rounded: bool = False
) -> Iterator[Case]:
    """What a verifier of mathematics must say when the gold answer is `gold`.

    `others` are golds of other problems. `unordered`: the gold is a list whose order has no meaning. `rounded`: it is a
    measured value, so near-misses are far from it.
    """
    text = bare(gold)
    yield rf"\boxed{{{gold if text is None else text}}}", RIGHT, "gold in a box"
    if text is None:
        return
    start = crc32(gold.encode())
    for at in range(MARKS_EACH):
        why = list(MARKS)[(start + at) % len(MARKS)]
        yield MARKS[why].replace("GOLD", text).replace("OTHER", OTHER), RIGHT, why
    seen = {text}
    for answer, verdict, why in _forms(text, unordered, rounded):
        if answer not in seen:
            seen.add(answer)
            yield rf"\boxed{{{answer}}}", verdict, why
    for other in others:
        if surely_differ(text, other, rounded):
            yield rf"\boxed{{{bare(other)}}}", WRONG, "another problem's gold"
    yield rf"\boxed{{{text}}}, or rather \boxed{{{OTHER}}}", WRONG, "gold in a box before another"
    yield rf"The work gives ${text}$. So the answer is \boxed{{{OTHER}", WRONG, "a box that is not closed"
    yield from silent_cases()


def surely_differ(gold: str, other: str, rounded: bool = False) -> bool:
    """Whether two golds certainly do not mean the same; False where that is not decided.

    >>> surely_differ(r"\\frac{1}{2}", "0.5"), surely_differ("3", r"3\\sqrt{2}"), surely_differ("2n", "x")
    (False, True, False)
    """
    left, right = _Meaning.of(gold), _Meaning.of(other)
    if left is None or right is None:
        return False
    if {left.kind, right.kind} == {"tuple", "set"}:
        return frozenset(left.items) != frozenset(right.items)  # a pair may have been written without its brackets
    if left.kind != right.kind:
        return True
    if left.kind == "number" and rounded:
        first, second = rational_of(left.text), rational_of(right.text)
        return first is not None and second is not None and abs(first - second) > abs(first) / 2
    return left.items != right.items


@dataclass(frozen=True)
class _Meaning:
    """What is known of a gold: its kind, and items that differ if and only if two golds of this kind differ."""

    kind: str
    text: str
    items: tuple[object, ...] | frozenset[object]

    @classmethod
    def of(cls, gold: str) -> "_Meaning | None":
        """None where too little is known."""
        text = bare(gold)
        if text is None:
            return None
        if terms := _marked_terms(text):
            return cls("number", terms[0], frozenset(terms[1].items()))
        if word := re.fullmatch(r"\\text\{(\([A-Z]\)|[a-zA-Z]{2,})\}", text):
            return cls("word", text, (word[1].casefold(),))
        opening, items, _ = bracketed(text)
        items = items if opening else items_of(text)
        values = [terms_of(item) for item in items]
        if len(items) < 2 or any(value is None for value in values):
            return None
        known = [frozenset(value.items()) for value in values if value is not None]
        return cls("tuple", text, tuple(known)) if opening in ("(", "[") else cls("set", text, frozenset(known))


def _marked_terms(text: str) -> tuple[str, Terms] | None:
    """The number that a gold names, its degree sign, currency or unit left out; None with a per cent sign."""
    text = re.sub(r"\^\s*\{?\s*\\circ\s*\}?$|^\\\$|\\(?:text|mbox)\{\s*[a-z]+\s*\}(?:\^\d)?$", "", text).strip()
    text = re.sub(r"^[a-z]\s*=\s*", "", text)
    terms = terms_of(text)
    return None if terms is None else (text, terms)


def _forms(text: str, unordered: bool, rounded: bool) -> Iterator[Form]:
    terms, value = terms_of(text), rational_of(text)
    if re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+", text):
        yield from science_forms(text)
        return  # 1e-5 is no sum
    if value is not None and _writable(value):
        yield from rational_forms(value, rounded)
        yield f"x = {text}", RIGHT, "named"
    elif terms is not None and len(terms) == 1 and all(pi in (0, 1) for _, pi, _ in terms):
        yield from irrational_forms(terms, rounded)
    for family in _FAMILIES:
        yield from family(text)
    yield from structures.list_forms(text, unordered)


def _writable(value: Fraction) -> bool:
    """Whether the forms of a number are short enough to be written out."""
    return len(canonical(value)) <= 40
