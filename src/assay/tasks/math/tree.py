r"""The shape of an answer: a number or formula, a list, tuple, set, interval, union or matrix of them.

2,-1 and {2,-1}          list    order does not count
(2,-1)                   tuple   order counts; of two parts it may also be an open interval
[0,1), 0<x\le1, x>3      interval
A\cup B                  list    of its parts
x=5, x=2+3=5             the formula 5, named x; `also` holds the other values that the chain names
1\pm\sqrt2               list    of two formulas
y+2x=3                   equation
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from assay.tasks.math.normal import REMEMBERED, ROW, closing

PARTS = 64
"""Parts of a list; more are not read."""

Kind = Literal["formula", "equation", "relation", "list", "tuple", "interval", "matrix"]


@dataclass(frozen=True, slots=True)
class Node:
    """One answer. `text` is its normal form, `name` what it is said to be the value of.

    An interval has two parts and `ends`, such as "[)". A chain of equal values keeps all but the last in `also`.
    """

    kind: Kind
    text: str
    parts: tuple["Node", ...] = ()
    name: str | None = None
    ends: str = ""
    also: tuple[str, ...] = ()
    columns: int = 0


_MATRIX = re.compile(r"\(?\\begin\{([pbvBV]?matrix|smallmatrix|array)\}(?:\{[^{}]*\})?(.*)\\end\{\1\}\)?", re.DOTALL)
_BRACKETED_MATRIX = re.compile(r"[\[(](\\begin.*\\end\{[a-zA-Z]+\})[\])]", re.DOTALL)
_DEPTH = {"(": 1, "{": 1, "[": 1, "‹": 1, ")": -1, "}": -1, "]": -1, "›": -1}
_SIGNS = re.compile(r"\\pm|\\mp")
_RELATION = re.compile(r"\\le(?![A-Za-z])|\\ge(?![A-Za-z])|\\ne(?![A-Za-z])|<|>")
_FUNCTIONS = r"sin|cos|tan|cot|sec|csc|arc\w+|ln|log|exp|max|min|gcd|lcm|frac|sqrt|binom"
_GREEK = (
    "alpha|beta|gamma|delta|epsilon|varepsilon|theta|lambda|mu|nu|omega|phi|varphi|psi|rho|sigma|tau|xi|zeta|eta|kappa|"
    "Delta|Omega|Phi"
)
_CONSTANT = re.compile(
    rf"(?:\\(?:{_FUNCTIONS}|pi|infty|cdot|lfloor|rfloor|lceil|rceil)(?![A-Za-z])"
    r"|\\log_(?:[0-9]|\{[0-9]+\})|[0-9.,+\-*/^(){}\[\]!%°| ]|(?<![A-Za-z])[ei](?![A-Za-z]))+"
)
_NAME = re.compile(
    rf"(?:[A-Za-z|:'()\[\]{{}}, ]|\\(?:{_FUNCTIONS}|{_GREEK}|angle|triangle|overline|overrightarrow|widehat|hat|bar|"
    r"det|dim|ell)(?![A-Za-z])|_\{[^{}]*\}|_[0-9A-Za-z]|‹[^‹›]*›|(?<=\()[0-9]+(?=\))|\^\{?-1\}?)+"
)


@lru_cache(maxsize=REMEMBERED)
def parse(text: str, grouped: bool = True) -> Node:
    """The shape of a normal form. `grouped` reads 1,234 as one number rather than two."""
    text = _without_brackets(text)
    inside = split(text, r"\in")
    if len(inside) == 2 and not inside[1][:1].isalpha() and _NAME.fullmatch(inside[0]):
        return replace(parse(inside[1].strip(), grouped), name=inside[0])
    if not (grouped and re.fullmatch(r"[-+]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?[%°]?(?:‹[^›]*›)?", text)):
        for separator in (";", ","):
            pieces = split(text, separator)
            if len(pieces) > 1:
                return _list(text, pieces, grouped)
    pieces = split(text, r"\cup")
    if len(pieces) > 1:
        return _list(text, pieces, grouped)
    return _relation(text) or _equation(text, grouped) or _bracketed(text, grouped) or _formula(text)


def split(text: str, separator: str) -> list[str]:
    """The parts between separators that no bracket encloses; half-open intervals such as [0,1) enclose too."""
    if separator not in text:
        return [text.strip()] if text.strip() else []
    parts, depth, start, place = [], 0, 0, 0
    while place < len(text):
        if text.startswith(r"\begin", place):
            depth += 1
        elif text.startswith(r"\end", place):
            depth -= 1
        elif text[place] in _DEPTH:
            depth += _DEPTH[text[place]]
        elif depth == 0 and text.startswith(separator, place):
            parts.append(text[start:place])
            start = place + len(separator)
        place += 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()] if len(parts) <= PARTS else [text]


def _without_brackets(text: str) -> str:
    """Without parentheses or LaTeX's grouping braces round the whole, where they hold one thing."""
    while len(text) > 2 and text[0] in "({" and closing(text, 0) == len(text) - 1:
        inner = text[1:-1]
        if text[0] == "(" and (len(split(inner, ",")) > 1 or len(split(inner, ";")) > 1):
            return text
        text = inner
    match = _BRACKETED_MATRIX.fullmatch(text)
    return match[1] if match else text


def _list(text: str, pieces: list[str], grouped: bool) -> Node:
    """p=5,q=2;p=7,q=2 is two pairs; any other list has the parts of all its pieces."""
    if ";" in text and all("," in piece and "=" in piece for piece in pieces):
        pairs = [Node("tuple", piece, tuple(parse(each, grouped) for each in split(piece, ","))) for piece in pieces]
        return Node("list", text, tuple(pairs))
    return Node("list", text, tuple(_flat(pieces, grouped)))


def _flat(pieces: list[str], grouped: bool) -> list[Node]:
    """The parts of a list; one that is itself several, such as 1 \\pm \\sqrt{2}, as each of them."""
    parts: list[Node] = []
    for piece in pieces:
        part = parse(piece, grouped)
        parts += part.parts if part.kind == "list" and not part.name else [part]
    return parts


def _relation(text: str) -> Node | None:
    """An interval from x>3, 0<x\\le1, |x|<2 and the like; another chain of relations is a `relation`."""
    pieces = _top_level_relations(text)
    sides, signs = pieces[::2], pieces[1::2]
    if not signs:
        return None
    if signs[0] in (">", r"\ge"):  # as if written the other way round, from small to large
        sides, signs = sides[::-1], [_TURNED.get(sign, sign) for sign in signs[::-1]]
    sides = [side.strip() for side in sides]
    text = "".join(f"{side}{sign} " for side, sign in zip(sides, [*signs, ""], strict=True)).strip()
    if len(sides) == 2 and "" in sides:
        sides = [side or "x" for side in sides]
    absolute = re.fullmatch(r"\|([a-z])\|", sides[0])
    if len(sides) == 2 and absolute and signs[0] != r"\ne" and is_constant(sides[1]):
        sides, signs = [f"-({sides[1]})", absolute[1], sides[1]], [signs[0], signs[0]]
    elif len(sides) == 2 and signs[0] == r"\ne" and _is_name(sides[0]) and is_constant(sides[1]):
        parts = (parse(rf"(-\infty,{sides[1]})"), parse(rf"({sides[1]},\infty)"))
        return Node("list", text, parts, sides[0])
    elif len(sides) == 2 and _is_name(sides[0]):
        sides, signs = [r"-\infty", *sides], ["<", *signs]
    elif len(sides) == 2:
        sides, signs = [*sides, r"\infty"], [*signs, "<"]
    bounded = len(sides) == 3 and is_constant(sides[0]) and is_constant(sides[2]) and _is_name(sides[1])
    if not bounded or not set(signs) <= {"<", r"\le"}:
        return Node("relation", text)
    ends = ("(" if signs[0] == "<" else "[") + (")" if signs[1] == "<" else "]")
    return Node("interval", text, (parse(sides[0]), parse(sides[2])), sides[1], ends)


def _is_name(text: str) -> bool:
    """True for what can be the name of a value: x, f(2), |AB|, S_{n}; not for |x|, x', \\sqrt{x} or 2x."""
    if _NO_NAME.fullmatch(text):
        return False
    return bool(_NAME.fullmatch(text)) and not is_constant(text)


_NO_NAME = re.compile(
    r"\|[a-z]\||[a-z](?:_\{?\w\}?)?(?:'|\^\{?-1\}?)+|\(?[0-9].*|\\(?:sqrt|ln|log|exp|sin|cos|tan)(?![A-Za-z]).*"
)
_TURNED = {"<": ">", ">": "<", r"\le": r"\ge", r"\ge": r"\le"}


def _top_level_relations(text: str) -> list[str]:
    """Sides and signs in turn."""
    pieces, start, depth, place = [], 0, 0, 0
    while place < len(text):
        match = _RELATION.match(text, place) if depth == 0 else None
        if match:
            pieces += [text[start:place], match[0]]
            start = place = match.end()
            continue
        depth += _DEPTH.get(text[place], 0)
        place += 1
    return [*pieces, text[start:]]


def is_constant(text: str) -> bool:
    """True where no letter stands for a variable."""
    return bool(text) and bool(_CONSTANT.fullmatch(re.sub("‹[^‹›]*›", "", text) or text))


def _equation(text: str, grouped: bool) -> Node | None:
    """A chain of equal sides: the last is the value, the first what it is the value of."""
    exact, *approximate = split(text, r"\approx")
    sides = split(exact, "=")
    if len(sides) == 1 and approximate and _is_name(exact):
        sides, approximate = [exact, approximate[-1]], []
    near = tuple("≈" + side for side in approximate if is_constant(side))
    if len(sides) == 1:
        node = parse(exact, grouped) if approximate else None
        return replace(node, also=(*node.also, *near)) if node is not None else None
    if len(sides) == 2 and is_constant(sides[0]) and _is_name(sides[1]):
        sides = sides[::-1]  # 5 = x
    first, *middle, last = sides
    node = parse(last, grouped)
    also = (*(side for side in (first, *middle) if is_constant(side)), *near)
    if is_constant(last) or node.kind in ("tuple", "list", "interval", "matrix"):
        if is_constant(first) or _is_name(first):
            return replace(node, name=None if is_constant(first) else first, also=(*also, *node.also))
        if _is_quantity(first):
            return Node("equation", text, (replace(node, also=(*also, *node.also)),))
    elif _is_name(first) and len(sides) == 2 and node.kind == "formula":
        return Node("formula", last, name=first)
    return Node("equation", text)


def _is_quantity(text: str) -> bool:
    """True for a formula whose value may be asked for: of several variables, or a sum, an integral, a limit.

    2x = 12 is an equation for x; m+n = 12 says what m+n is.
    """
    if re.search(r"\\(?:int|sum|prod|lim|max|min|gcd|lcm|begin|#)(?![A-Za-z])", text):
        return True
    letters = re.sub(r"\\[A-Za-z]+|_\{?\w+\}?", " ", text)
    return len(set(re.findall("[A-Za-z]", letters))) > 1


def _bracketed(text: str, grouped: bool) -> Node | None:
    matrix = _MATRIX.fullmatch(text)
    if matrix is not None and r"\begin" not in matrix[2]:
        rows = [row.split("&") for row in matrix[2].strip(ROW).split(ROW)]
        rows = [row for row in rows if any(row)]
        if rows and all(len(row) == len(rows[0]) for row in rows):
            cells = tuple(parse(cell, grouped) for row in rows for cell in row)
            return Node("matrix", text, cells, columns=len(rows[0]))
    if text.startswith(r"\{") and text.endswith(r"\}") and r"\{" not in text[2:]:
        inner = text[2:-2]
        condition = re.fullmatch(r"([a-z])(?:\\in\\mathbb\{R\})?(?:\\mid ?|\||:)(.*)", inner)
        if condition is not None and _top_level_relations(condition[2])[1:]:
            return parse(condition[2], grouped)
        if inner != r"\emptyset" and not re.search(r"\||\\mid|:", inner):
            return Node("list", text, tuple(_flat(split(inner, ",") or [""], False)))
    if text and text[0] in "([" and text[-1] in ")]":
        pieces = split(text[1:-1], ",")
        if len(pieces) == 1:
            pieces = split(text[1:-1], ";")
        balanced = _encloses_all(text)
        if balanced and len(pieces) == 2 and text[0] + text[-1] != "()":
            return Node("interval", text, (parse(pieces[0], False), parse(pieces[1], False)), ends=text[0] + text[-1])
        if balanced and len(pieces) > 1:
            return _tuple(text, pieces)
    point = re.fullmatch(r"[A-Z](\(.+,.+\))", text)
    return parse(point[1], grouped) if point and _encloses_all(point[1]) else None


def _tuple(text: str, pieces: list[str]) -> Node:
    """A tuple, or the two that one with \\pm stands for: upper signs together, and lower signs."""
    if _SIGNS.search(text):
        both = [[_formula(piece) for piece in pieces] for _ in range(2)]
        chosen = [
            tuple(part.parts[which] if part.kind == "list" else parse(part.text, False) for part in parts)
            for which, parts in enumerate(both)
        ]
        return Node("list", text, tuple(Node("tuple", text, parts) for parts in chosen))
    return Node("tuple", text, tuple(parse(piece, False) for piece in pieces))


def _encloses_all(text: str) -> bool:
    depth = 0
    for place, character in enumerate(text):
        depth += _DEPTH.get(character, 0)
        if depth == 0:
            return place == len(text) - 1
    return False


def _formula(text: str) -> Node:
    if _SIGNS.search(text):
        plus = text.replace(r"\pm", "+").replace(r"\mp", "-").lstrip("+")
        minus = text.replace(r"\pm", "-").replace(r"\mp", "+").lstrip("+")
        return Node("list", text, (Node("formula", plus), Node("formula", minus)))
    return Node("formula", text)
