r"""A second reader of LaTeX answers for tests: text is turned into a Python expression and evaluated to 50 digits.

It shares nothing with the readers in `assay.tasks`. Letters stand for fixed numbers without relation to each other, so
two expressions that are equal here are equal; what it does not know raises Unreadable.
"""

import re
from itertools import pairwise
from typing import Any

import mpmath

LETTERS = {
    letter: mpmath.mpf("0.7391") + mpmath.sqrt(7 * place + 3) / 11
    for place, letter in enumerate("abcdefghjklmnopqrstuvwxyzABDEFGHIJKLMNOPQRSTUVWXYZ")
}
FUNCTIONS = ("sqrt", "cot", "sin", "cos", "binomial")
_TOKEN = re.compile(r"\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+|\*\*|[-+*/(),]|[a-zA-Z]+")


class Unreadable(Exception):
    """Not a text that this reader knows."""


def value_of(text: str) -> Any:
    r"""A number; (opening, items, closing) for what stands in brackets; a tuple of items for a list."""
    text = re.sub(r"\\left|\\right", "", re.sub(r"(?:,|\{,\})\\!\s*", "", text)).strip()
    if not re.search(r"[(\[]", text):  # (2,251,252) is a triple
        text = re.sub(r"(?<![\d,])\d{1,3}(?:(?:,|\{,\})\d{3})+(?![\d,])", lambda m: re.sub(r"\D", "", m[0]), text)
    text = re.sub(r"\\text\{ (?:and|or) \}", ",", text)
    items = _split(text)
    if len(items) > 1:
        return tuple(value_of(item) for item in items)
    if re.fullmatch(r"\\\{.*\\\}", text):
        return tuple(value_of(item) for item in _split(text[2:-2]))
    if text[:1] in ("(", "[") and text[-1:] in (")", "]") and len(_split(text[1:-1])) > 1:
        return text[0], tuple(value_of(item) for item in _split(text[1:-1])), text[-1]
    if matrix := re.fullmatch(r"\\begin\{[pb]matrix\}(.*)\\end\{[pb]matrix\}", text, re.DOTALL):
        rows = re.sub(r"\\\\\s*$", "", matrix[1].strip()).split("\\\\")
        return "matrix", tuple(tuple(number(cell) for cell in row.split("&")) for row in rows)
    if text.count("=") == 1:
        name, _, side = text.partition("=")
        if not re.fullmatch(r"\s*[a-zA-Z](\([a-z]\))?\s*", name) or not side.strip():
            raise Unreadable(text)
        return number(side)
    return number(text)


def number(text: str) -> Any:
    """The value of one expression, as mpmath's mpf or mpc."""
    percent = bool(re.search(r"%|percent", text))
    text = re.sub(r"\\(?:text|mbox)\{[^{}]*\}(?:\^\d)?|\^\{?\s*\\circ\s*\}?|°|\\\$|\\?%", " ", text)
    if re.fullmatch(r"\s*\+?\\infty\s*|\s*-\\infty\s*", text):
        return mpmath.ninf if "-" in text else mpmath.inf
    text = re.sub(r"(\d+)\s*\\frac\s*(\{\d+\}|\d)\s*(\{\d+\}|\d)\s*$", r"(\1+\\frac\2\3)", text)
    while match := re.search(
        r"\\[dt]?frac\s*(\{[^{}]*\}|\d)\s*(\{[^{}]*\}|\d)|\\sqrt\s*(\{[^{}]*\}|\d)|\^\{([^{}]*)\}", text
    ):
        above, below, root, power = (group and group.strip("{}") for group in match.groups())
        new = f"(({above})/({below}))" if above else f" sqrt({root})" if root else f"**({power})"
        text = text[: match.start()] + new + text[match.end() :]
    text = re.sub(r"\\(?:cdot|times)", "*", text).replace("^", "**").replace("\\pi", " pi ")
    text = re.sub(r"\\(cot|sin|cos)\s+([a-z])", r" \1(\2)", text)
    if re.search(r"[\\{}=<>_]", text):
        raise Unreadable(text)
    return _evaluate(f"({text})/100" if percent else text)


def _evaluate(text: str) -> Any:
    tokens = _TOKEN.findall(text)
    if "".join(tokens) != re.sub(r"\s", "", text):
        raise Unreadable(text)
    words = [letter for token in tokens for letter in ([token] if not token.isalpha() else _letters(token))]
    names = {**LETTERS, "pi": mpmath.pi, "i": mpmath.mpc(0, 1)}
    names |= {name: getattr(mpmath, name) for name in FUNCTIONS} | {"mpf": mpmath.mpf}
    written = [f"mpf('{word}')" if word[0] in ".0123456789" else word for word in words]
    pieces = written[:1]
    for (before, after), text_after in zip(pairwise(words), written[1:], strict=True):
        ends = (before[-1].isalnum() and before not in FUNCTIONS) or before == ")"
        pieces += ["*"] * (ends and (after[0].isalnum() or after[0] in "(.")) + [text_after]
    try:
        with mpmath.workdps(50):
            return +eval("".join(pieces), {"__builtins__": {}}, names)
    except (SyntaxError, NameError, TypeError, ZeroDivisionError) as error:
        raise Unreadable(text) from error


def _letters(token: str) -> list[str]:
    return [token] if token in (*FUNCTIONS, "pi") else list(token)


def _split(text: str) -> list[str]:
    depth, items = 0, [""]
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            items.append("")
        else:
            items[-1] += char
    return items


def same(left: Any, right: Any, ordered: bool = True) -> bool:
    """Whether two values of `value_of` are equal to 40 digits; lists in any order where not `ordered`."""
    if isinstance(left, tuple) != isinstance(right, tuple):
        return False
    if not isinstance(left, tuple):
        if isinstance(left, str) or isinstance(right, str):
            return bool(left == right)
        if mpmath.isinf(left) or mpmath.isinf(right):
            return bool(left == right)
        with mpmath.workdps(50):
            return bool(abs(left - right) <= mpmath.mpf(10) ** -40 * max(1, abs(left)))
    if len(left) != len(right):
        return False
    if ordered:
        return all(same(one, other) for one, other in zip(left, right, strict=True))
    return all(any(same(one, other) for other in right) for one in left)
