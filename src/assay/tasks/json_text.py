"""Reading JSON out of hostile text: RFC 8259 only, of bounded size, depth and numbers."""

import json
import math
from collections import Counter
from typing import Any

LONGEST = 100_000
"""Characters of a JSON text."""
DEEPEST = 50
"""Arrays and objects within one another."""
DIGITS = 300
"""Digits of a whole number, so that it is a finite float too."""


def read_json(text: str, unique_keys: bool = True) -> Any:
    """The value of a JSON text. Raises ValueError, with a few words that say why it has none.

    NaN and Infinity are no JSON. With `unique_keys`, neither is an object that names a key twice.
    """
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST:,} characters")
    try:
        value = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_short_integer,
            object_pairs_hook=_unique if unique_keys else None,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError(f"nested deeper than {DEEPEST}") from None
    _refuse_deep(value)
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _short_integer(text: str) -> int:
    if len(text) > DIGITS:
        raise ValueError(f"a number has more than {DIGITS} digits")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {twice[:40]!r} is given twice")
    return found


def _refuse_deep(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise ValueError(f"nested deeper than {DEEPEST}")
