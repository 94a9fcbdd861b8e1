r"""Exact values of simple answers, so that `cases` can say for sure that two of them are equal or differ.

A value is a sum of c * sqrt(r) * pi^p * i^k with rational c and squarefree r. These products are linearly independent
over the rationals, so two values are equal if and only if their terms are. What is no such sum has no value here: None,
which means undecided. This reader shares no code with the verifier, whose referee it is.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import gcd

Terms = Mapping[tuple[int, int, int], Fraction]
"""(squarefree radicand, power of pi, power of i: 0 or 1) -> coefficient, never 0. The empty mapping is 0."""

LONGEST = 400
POWER = 64
"""Characters and the greatest exponent that are read."""

_TOKEN = re.compile(r"\d+(?:\.\d+)?|\.\d+|\\[dtc]?frac|\\sqrt|\\pi|\\cdot|\\times|[-+*/^(){}i]")
_SCIENTIFIC = re.compile(r"([-+]?)(\d+\.?\d*|\.\d+)[eE]([-+]?\d+)")
_GROUPED = re.compile(r"(?<![\d,.])\d{1,3}(?:(?:,|\{,\}|,\\!\s?)\d{3})+(?![\d,])")


class _Undecided(Exception):
    """The text is no sum of such terms."""


def terms_of(text: str) -> Terms | None:
    r"""The value of an answer, or None where this reader cannot say.

    >>> terms_of(r"\frac{3\sqrt{8}}{2}") == terms_of(r"3\sqrt{2}")
    True
    """
    text = text.strip()
    scientific = _SCIENTIFIC.fullmatch(text)
    if scientific and abs(int(scientific[3])) <= POWER:
        number = Fraction(scientific[2].rstrip(".")) * Fraction(10) ** int(scientific[3])
        return _rational(-number if scientific[1] == "-" else number)
    if len(text) > LONGEST:
        return None
    if "(" not in text:  # (2,251,252) is a triple
        text = _GROUPED.sub(lambda match: re.sub(r"\D", "", match[0]), text)
    text = re.sub(r"\\left(?=\()|\\right(?=\))|\\[!,; ]|\s+", " ", text)
    try:
        reader = _Reader(text)
        value = reader.sum()
        return value if reader.next() is None else None
    except (_Undecided, ZeroDivisionError):
        return None


def rational_of(text: str) -> Fraction | None:
    """The value of an answer where it is a rational number, else None."""
    terms = terms_of(text)
    return None if terms is None or set(terms) - {(1, 0, 0)} else terms.get((1, 0, 0), Fraction(0))


def square_free(number: int) -> tuple[int, int]:
    """(a, r) with number = a^2 r and r squarefree; for numbers from 1 to a million."""
    root, rest, factor = 1, number, 2
    while factor * factor <= rest:
        while rest % (factor * factor) == 0:
            root, rest = root * factor, rest // (factor * factor)
        factor += 1
    return root, rest


class _Reader:
    """Recursive descent over the tokens of one answer."""

    def __init__(self, text: str) -> None:
        self.tokens = _tokens(text)
        self.at = 0

    def next(self, ahead: int = 0) -> str | None:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else None

    def take(self, wanted: str | None = None) -> str:
        token = self.next()
        if token is None or (wanted is not None and token != wanted):
            raise _Undecided
        self.at += 1
        return token

    def sum(self) -> Terms:
        total: Terms = {}
        first = True
        while first or self.next() in ("+", "-"):
            sign = -1 if self.next() in ("+", "-") and self.take() == "-" else 1
            total, first = _plus(total, _times(_rational(Fraction(sign)), self.product())), False
        return total

    def product(self) -> Terms:
        value = self.mixed() or self.power()
        divided = False
        while (token := self.next()) is not None and token not in ("+", "-", ")", "}", "^"):
            if token == "/":
                self.take()
                value, divided = _times(value, _inverse(self.power())), True
            elif token in ("\\cdot", "\\times", "*"):
                self.take()
                value = _times(value, self.power())
            elif divided or token[0] in ".0123456789":
                raise _Undecided  # 1/2 x may mean two things; two numbers side by side are no product
            else:
                value = _times(value, self.power())
        return value

    def mixed(self) -> Terms | None:
        r"""1\frac{4}{5} is 1.8: an integer before a proper fraction of integers; None for anything else."""
        whole = self.next()
        if whole is None or not whole.isdigit() or self.next(1) not in ("\\frac", "\\dfrac", "\\tfrac"):
            return None
        start = self.at
        self.take()
        fraction = self.atom()
        value = fraction.get((1, 0, 0), Fraction(0)) if set(fraction) <= {(1, 0, 0)} else None
        if value is not None and 0 < value < 1 and self.next() in (None, "+", "-", ")", "}"):
            return _rational(int(whole) + value)
        if value is not None:
            raise _Undecided
        self.at = start
        return None

    def power(self) -> Terms:
        base = self.atom()
        if self.next() != "^":
            return base
        self.take()
        exponent = self.argument()
        value = exponent.get((1, 0, 0), Fraction(0))
        if set(exponent) - {(1, 0, 0)} or value.denominator != 1 or abs(value) > POWER or len(base) != 1:
            raise _Undecided
        result = _rational(Fraction(1))
        for _ in range(abs(int(value))):
            result = _times(result, base)
        return _inverse(result) if value < 0 else result

    def atom(self) -> Terms:
        token = self.take()
        if token[0] in ".0123456789":
            return _rational(Fraction(token))
        if token in ("(", "{"):
            value = self.sum()
            self.take(")" if token == "(" else "}")
            return value
        if token == "i":
            return {(1, 0, 1): Fraction(1)}
        readers: dict[str, Callable[[], Terms]] = {
            "\\pi": lambda: {(1, 1, 0): Fraction(1)},
            "\\sqrt": lambda: _root(self.argument()),
            **dict.fromkeys(("\\frac", "\\dfrac", "\\tfrac", "\\cfrac"), self.fraction),
        }
        if token not in readers:
            raise _Undecided
        return readers[token]()

    def fraction(self) -> Terms:
        above = self.argument()
        return _times(above, _inverse(self.argument()))

    def argument(self) -> Terms:
        return self.atom() if self.next() == "{" else self.digit()

    def digit(self) -> Terms:
        r"""One digit, as TeX reads \frac12; the digits after it are left."""
        token = self.take()
        if not token.isdigit():
            raise _Undecided
        if len(token) > 1:
            self.at -= 1
            self.tokens[self.at] = token[1:]
        return _rational(Fraction(token[0]))


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    for match in _TOKEN.finditer(text):
        if text[at : match.start()].strip():
            raise _Undecided
        found.append(match[0])
        at = match.end()
    if text[at:].strip():
        raise _Undecided
    return found


def _rational(value: Fraction) -> Terms:
    return {(1, 0, 0): value} if value else {}


def _plus(left: Terms, right: Terms) -> Terms:
    total = dict(left)
    for key, value in right.items():
        total[key] = total.get(key, Fraction(0)) + value
    return {key: value for key, value in total.items() if value}


def _times(left: Terms, right: Terms) -> Terms:
    total: Terms = {}
    for key, value in _products(left, right):
        total = _plus(total, {key: value})
    return total


def _products(left: Terms, right: Terms) -> Iterator[tuple[tuple[int, int, int], Fraction]]:
    for (radicand, pi, unit), value in left.items():
        for (other, other_pi, other_unit), factor in right.items():
            common = gcd(radicand, other)
            sign = -1 if unit + other_unit == 2 else 1
            key = (radicand * other // common**2, pi + other_pi, (unit + other_unit) % 2)
            yield key, sign * common * value * factor


def _inverse(terms: Terms) -> Terms:
    """Of a single term; the inverse of a sum is undecided, and 0 has none."""
    if len(terms) != 1:
        raise _Undecided
    (((radicand, pi, unit), value),) = terms.items()
    return {(radicand, -pi, unit): (-1 if unit else 1) / (value * radicand)}


def _root(terms: Terms) -> Terms:
    value = terms.get((1, 0, 0), Fraction(0))
    if set(terms) - {(1, 0, 0)} or value < 0 or value.numerator * value.denominator > 10**6:
        raise _Undecided
    if value == 0:
        return {}
    root, radicand = square_free(value.numerator * value.denominator)
    return {(radicand, 0, 0): Fraction(root, value.denominator)}
