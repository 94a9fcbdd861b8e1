"""Arithmetic expressions as models write them: read without evaluating text, computed exactly, in canonical form."""

import re
from dataclasses import dataclass
from fractions import Fraction

MAX_CHARACTERS = 200
_TOKENS = re.compile(r"\s*(\d{1,6}|[-+*/()])")
_SPELLINGS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-"})


@dataclass(frozen=True, slots=True)
class Expression:
    """An operation on two expressions, or a number (`operator` is then None)."""

    value: Fraction
    operator: str | None = None
    left: "Expression | None" = None
    right: "Expression | None" = None

    def numbers(self) -> list[int]:
        """The numbers written, from left to right."""
        if self.left is None or self.right is None:
            return [int(self.value)]
        return self.left.numbers() + self.right.numbers()

    def operators(self) -> set[str]:
        """The operators written."""
        if self.operator is None or self.left is None or self.right is None:
            return set()
        return {self.operator} | self.left.operators() | self.right.operators()

    def canonical(self) -> str:
        """A form that is equal for expressions which differ only in order and grouping of sums and of products."""
        if self.operator is None:
            return str(self.value)
        additive = self.operator in "+-"
        terms = sorted(_flatten(self, additive, positive=True))
        signs = ("+", "-") if additive else ("*", "/")
        return "(" + "".join(signs[inverse] + text for inverse, text in terms) + ")"


def _flatten(node: Expression, additive: bool, positive: bool) -> list[tuple[int, str]]:
    """Terms (or factors) as (0 or 1 for inverse, canonical text)."""
    if node.operator is None or (node.operator in "+-") != additive:
        return [(int(not positive), node.canonical())]
    assert node.left is not None and node.right is not None
    right_positive = positive if node.operator in "+*" else not positive
    return _flatten(node.left, additive, positive) + _flatten(node.right, additive, right_positive)


def combine(operator: str, left: Expression, right: Expression) -> Expression:
    """`left operator right`. Raises ZeroDivisionError."""
    a, b = left.value, right.value
    value = a + b if operator == "+" else a - b if operator == "-" else a * b if operator == "*" else a / b
    return Expression(value, operator, left, right)


def number(value: int) -> Expression:
    """A number as an expression."""
    return Expression(Fraction(value))


def parse_expression(text: str) -> Expression | None:
    """The expression that `text` is, or None where it is none: whole numbers, + - * / and parentheses only.

    Also None past 200 characters, for numbers of more than six digits, and for a division by zero.
    """
    text = text.translate(_SPELLINGS).strip().rstrip(".")
    if not text or len(text) > MAX_CHARACTERS:
        return None
    tokens: list[str] = []
    at = 0
    while at < len(text):
        match = _TOKENS.match(text, at)
        if match is None:
            return None
        tokens.append(match[1])
        at = match.end()
    try:
        node, rest = _sum(tokens)
    except (ValueError, ZeroDivisionError):
        return None
    return node if not rest else None


def _sum(tokens: list[str]) -> tuple[Expression, list[str]]:
    node, tokens = _product(tokens)
    while tokens and tokens[0] in "+-":
        operator = tokens[0]
        other, tokens = _product(tokens[1:])
        node = combine(operator, node, other)
    return node, tokens


def _product(tokens: list[str]) -> tuple[Expression, list[str]]:
    node, tokens = _atom(tokens)
    while tokens and tokens[0] in "*/":
        operator = tokens[0]
        other, tokens = _atom(tokens[1:])
        node = combine(operator, node, other)
    return node, tokens


def _atom(tokens: list[str]) -> tuple[Expression, list[str]]:
    if not tokens:
        raise ValueError("ends early")
    head, rest = tokens[0], tokens[1:]
    if head.isdigit():
        return number(int(head)), rest
    if head != "(":
        raise ValueError(f"unexpected {head}")
    node, rest = _sum(rest)
    if not rest or rest[0] != ")":
        raise ValueError("unclosed parenthesis")
    return node, rest[1:]
