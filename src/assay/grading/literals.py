"""Reads what a sandboxed program answers: literals of plain values, as `assay.grading.inside.encode` writes them."""

import ast
import re
from typing import Any

from assay.grading.inside import LONGEST_INTEGER

DEEPEST = 300
"""Brackets that may be open at once in an answer."""
LONGEST_RANGE = 1 << 20
"""Numbers of a range: in an answer it takes no room, but the tests may walk it."""
_TOKENS = re.compile(
    r"""(?: [\[\](), 0-9] | (?:(?<=[\[(])|(?<=,\ ))-(?=[0-9]) | True | False | None
    | b?'(?:[^'\\]|\\.)*+' | b?"(?:[^"\\]|\\.)*+" )*+""",
    re.VERBOSE | re.DOTALL,
)
"""What an answer is made of: no operators, which the parser would nest, and nothing that takes more than linear
time."""
_STRINGS = re.compile(r"""'(?:[^'\\]|\\.)*+'|"(?:[^"\\]|\\.)*+\"""", re.DOTALL)
NO_ANSWER = (ValueError, SyntaxError, TypeError, LookupError, ArithmeticError, RecursionError, MemoryError)
"""What reading bytes that are no answer may raise."""


def decode(value: Any) -> Any:
    """The value that `inside.encode` wrote. Raises ValueError, TypeError or KeyError for anything else."""
    tag, payload = value
    if tag == "v":
        if payload is not None and type(payload) not in (bool, int, str, bytes):
            raise TypeError
        return payload
    if tag == "x":  # hexadecimal, which takes linear time to read
        return int(payload[: LONGEST_INTEGER // 4 + 3], 16)
    if tag in ("f", "c"):
        return {"f": float, "c": complex}[tag](payload)
    if tag == "dict":
        return {decode(key): decode(each) for key, each in payload}
    if tag == "range":
        found = range(*payload)
        if len(found) > LONGEST_RANGE:
            raise ValueError
        return found
    kinds: dict[str, type] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
    return kinds[tag](decode(each) for each in payload)


def literal(text: str) -> Any:
    """A literal, after a look at its tokens and depth: the parser of a deeply nested one would use up the stack."""
    if not _TOKENS.fullmatch(text):
        raise ValueError("not made of plain values")
    depth = deepest = 0
    for bracket in re.findall(r"[\[\]()]", _STRINGS.sub("", text)):
        depth += 1 if bracket in "[(" else -1
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise ValueError("too deep")
    return ast.literal_eval(text)
