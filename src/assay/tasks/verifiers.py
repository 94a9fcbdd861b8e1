"""Named verifiers for rows that bring their own gold answers; each is `f(response, gold) -> Score`.

A user's own is `f(response, gold)` too, named "module:function"; it returns True, False or None (could not be judged),
or a Score. What a user's function raises is a fault of the verifier, so the response is UNKNOWN, not wrong.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np

from assay.tasks.answers import Answer, canonical, final_part, gold_number, read_number, read_text
from assay.types import Score, right, unknown, wrong

VERIFIERS = {
    "exact": "assay.tasks.verifiers:exact",
    "number": "assay.tasks.verifiers:number",
    "choice": "assay.tasks.verifiers:choice",
    "regex": "assay.tasks.verifiers:regex",
    "math": "assay.tasks.math.grade:grade",
    "instructions": "assay.tasks.instructions.follow:instructions",
    "json_schema": "assay.tasks.json_schema:json_schema",
}

SLOW = ("regex", "json_schema")
"""Those that run a user's pattern on a model's text, which can take for ever: they run in killable processes."""

LETTERS = "ABCDEFGHIJ"
"""The choices where none are named."""

Verifier = Callable[[str, Any], Score | bool | None]

_LETTER = r"(?<![A-Za-z0-9'’])\(?([A-Za-z])\)?(?![A-Za-z0-9'’])"
_LEADING_LETTER = re.compile(
    rf"[\s*$(\[]*(?:\\(?:text|textbf|mathrm|mathbf)\s*\{{\s*)?{_LETTER}(?P<rest>.*)", re.DOTALL
)
_BARE_LETTER = re.compile(r"[\s*$(\[]*([A-Za-z])[\s*$)\].:]*")
_LISTED_LETTER = re.compile(r"[\s*]*(?:\(([A-Z])\)|([A-Z])[).:])(?=[\s*]|$)")
_ANOTHER = re.compile(rf"[\s*)\]}}]*(?:,|/|&|\bor\b|\band\b)\s*{_LETTER}", re.IGNORECASE)


def exact(response: str, gold: Any) -> Score:
    """The answer as text, without regard to case, runs of white space, quotes, bold, `$` and a final full stop."""
    return _compare_text("exact@1", read_text(response), gold)


def number(response: str, gold: Any) -> Score:
    """The answer as one number, compared exactly: commas, units, currency, signs, decimals and fractions are read."""
    return grade_number("number@1", response, gold)


def choice(response: str, gold: Any, choices: str = LETTERS) -> Score:
    """The answer as one letter of `choices`: `\\boxed{B}`, `(B)`, `B. because`, `the answer is B`."""
    judge = "choice@1"
    wanted = _BARE_LETTER.fullmatch(gold) if isinstance(gold, str) else None
    if wanted is None or wanted[1].upper() not in choices:
        return unknown(judge, f"the gold answer {_short(gold)} is not one letter of {choices}")
    answer = read_text(response)
    letters = _letters(answer, choices) if answer else set()
    if len(letters) != 1:
        return wrong(judge, "names more than one choice" if letters else "no answer")
    (letter,) = letters
    return right(judge, letter) if letter == wanted[1].upper() else wrong(judge, "another choice", letter)


def regex(response: str, gold: Any, pattern: str | re.Pattern[str]) -> Score:
    """What the last match of `pattern` finds (its first group, where it has one), compared as `exact` does."""
    pattern = re.compile(pattern)
    *_, last = [None, *pattern.finditer(final_part(response))]
    found = None if last is None else (last[1] if pattern.groups else last[0]) or ""
    return _compare_text("regex@1", None if found is None else Answer(found, "pattern"), gold)


def grade_number(judge: str, response: str, gold: Any, boxed_only: bool = False) -> Score:
    """RIGHT where the response's answer is the gold number; UNKNOWN where the gold is not one number."""
    wanted = gold_number(gold)
    if wanted is None:
        return unknown(judge, f"the gold answer {_short(gold)} is not one number")
    answer = read_number(response, boxed_only)
    if answer is None:
        return wrong(judge, "no answer")
    if answer.value is None:
        return wrong(judge, f"no answer: {answer.mark} {answer.problem}", answer.text[:80] or None)
    if answer.value == wanted:
        return right(judge, canonical(answer.value))
    return wrong(judge, "another number", canonical(answer.value))


def as_score(judge: str, result: Any) -> Score:
    """The Score that a user's own verifier means."""
    if isinstance(result, Score):
        return result
    if result is None:
        return unknown(judge, "the verifier returned None")
    if isinstance(result, bool | np.bool_ | int | float) and result in (0, 1):
        return right(judge) if result else wrong(judge, "the verifier says no")
    return unknown(judge, f"verifier error: returned {_short(result)}; expected True, False, None or a Score")


def normal_text(text: str) -> str:
    """The form in which `exact` compares texts.

    >>> normal_text(" **The  Eiffel Tower.** ")
    'the eiffel tower'
    """
    text = re.sub(r"\\(?:text|textbf|mathrm|mathbf)\s*\{([^{}]*)\}", r"\1", text)
    return " ".join(text.casefold().split()).strip("*$\"'`“”‘’ ").rstrip(".").strip("*$\"'`“”‘’ ")


def _compare_text(judge: str, answer: Answer | None, gold: Any) -> Score:
    wanted = normal_text(str(gold)) if isinstance(gold, str | int | float) else ""
    if not wanted:
        return unknown(judge, f"the gold answer {_short(gold)} is not text")
    given = normal_text(answer.text) if answer else ""
    if not given:
        return wrong(judge, "no answer")
    return right(judge, given) if given == wanted else wrong(judge, "another text", given[:200])


def _letters(answer: Answer, choices: str) -> set[str]:
    """The choices that an answer names; more than one is no answer."""
    bare = _BARE_LETTER.fullmatch(answer.text)
    if answer.mark == "whole response":
        bare = bare or _LISTED_LETTER.match(answer.text)
    if bare is not None:
        letter = next(group for group in bare.groups() if group).upper()
        return {letter} & set(choices)
    if answer.mark == "whole response":
        return set()
    leading = _LEADING_LETTER.match(answer.text)
    if leading is not None and leading[1] in choices:
        other = _ANOTHER.match(leading["rest"])
        return {leading[1], other[1].upper()} & set(choices) if other else {leading[1]}
    return {letter for letter in re.findall(_LETTER, answer.text) if letter in choices}


def _short(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # an integer of thousands of digits
        text = "a huge number"
    return text if len(text) <= 60 else text[:60] + "..."
