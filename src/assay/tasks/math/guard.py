"""What is refused before anything is worked out: answers that could cost more than they are worth.

Time and memory of the deep tier are bounded by its process; this spares that process the plain cases.
"""

import re
from functools import lru_cache

from assay.tasks.math.normal import REMEMBERED

CHARACTERS = 500
NESTING = 24
DIGITS = 120
EXPONENT = 10_000
"""Largest exponent, factorial and binomial that is worked out."""

_DIGITS = re.compile(r"[0-9]+")
_POWER = re.compile(r"\^(\{(?:[^{}]|\{[^{}]*\})*\}|[0-9]+)")
_TOWER = re.compile(
    r"[0-9)}]\^\{?\(?[0-9]+\)?\}?\^|\^\{[^{}]*[0-9]\^\{?[0-9]|(?:\^\{?[A-Za-z0-9]+){3}|!!"
    r"|(?:\^\{?[0-9]{2,}\}?|!)\)+(?:\^|!)"
)
_FACTORIAL = re.compile(r"([0-9]+)\)*!")
_BINOMIAL = re.compile(r"\\binom\{([0-9]+)\}")
_OPEN_ENDED = re.compile(r"\\(?:[lcdv]?dots[cbmio]?|forall|exists|mapsto|colon|mid)(?![A-Za-z])|\.\.\.|…|\?")


@lru_cache(maxsize=REMEMBERED)
def shape_refusal(text: str) -> str | None:
    """Why a normal form is not even taken apart; None where it is."""
    if len(text) > CHARACTERS:
        return f"longer than {CHARACTERS} characters"
    depth = deepest = 0
    for character in text:
        depth += {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(character, 0)
        deepest = max(deepest, depth)
    return f"nested deeper than {NESTING}" if deepest > NESTING else None


def cost_refusal(text: str) -> str | None:
    """Why a normal form is not worked out; None where it may be."""
    if any(len(match[0]) > DIGITS for match in _DIGITS.finditer(text)):
        return f"has a number of more than {DIGITS} digits"
    if _TOWER.search(text):
        return "has a tower of powers or factorials"
    for pattern, what in ((_POWER, "power"), (_FACTORIAL, "factorial"), (_BINOMIAL, "binomial")):
        if any(int(number) > EXPONENT for match in pattern.finditer(text) for number in _DIGITS.findall(match[1])):
            return f"has a {what} beyond {EXPONENT:,}"
    if _OPEN_ENDED.search(text):
        return "leaves something open (dots, for all, there is)"
    return None
