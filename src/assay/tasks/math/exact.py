"""Exact rational arithmetic on normal forms: what tier "exact" knows. Nothing is evaluated that could be large.

`number` reads a whole number, decimal, fraction, per cent, mixed number, scientific notation, or an expression of them
with + - * / and small powers. Anything else is None, and left to the deep tier.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import isqrt

from assay.tasks.math.normal import REMEMBERED

DIGITS = 60
"""Digits of a number that is read here."""
LARGEST_EXPONENT = 64
"""Of a power that is worked out here; powers of ten may have up to SCIENTIFIC."""
SCIENTIFIC = 400

_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?|[1-9][0-9]{0,2}(?: [0-9]{3})+(?:\.[0-9]+)?")
_LITERAL = re.compile(r"(?P<digits>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE](?P<exponent>[-+]?[0-9]{1,3})(?![0-9.A-Za-z]))?")
_SCIENTIFIC = re.compile(
    r"[-+]?(?P<digits>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:\*10\^\{?\(?(?P<power>[-+]?[0-9]{1,3})\)?\}?|[eE](?P<exponent>[-+]?[0-9]{1,3}))?%?"
)
_MIXED = re.compile(
    r"([-+]?)([0-9]{1,9})(?: |(?=\\frac))(?:\\frac\{([0-9]{1,9})\}\{([0-9]{1,9})\}|([0-9]{1,9})/([0-9]{1,9}))"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A value; `figures` significant digits and the value of half a unit in the last place where it is a decimal.

    `percent`: it was written with a per cent sign, which the value takes into account.
    """

    value: Fraction
    figures: int | None = None
    half_unit: Fraction | None = None
    percent: bool = False

    def times(self, factor: Fraction) -> "Number":
        """The number in another unit."""
        if factor == 1:
            return self
        half_unit = None if self.half_unit is None else self.half_unit * factor
        return Number(self.value * factor, self.figures, half_unit, self.percent)


class _NoNumber(ValueError):
    pass


@lru_cache(maxsize=REMEMBERED)
def number(text: str) -> Number | None:
    r"""The number that a normal form is.

    >>> number(r"\frac{36}{2}").value
    Fraction(18, 1)
    >>> number("4.50e3").figures
    3
    """
    if _THOUSANDS.fullmatch(text.lstrip("-+").rstrip("%")):
        text = text.replace(",", "").replace(" ", "")
    if len(text) > 4 * DIGITS or " " in text.replace(" ", "", 1) or not any(c.isdigit() for c in text):
        return None
    plain = _SCIENTIFIC.fullmatch(text)
    if plain is not None:
        return _literal(plain, text)
    mixed = _MIXED.fullmatch(text)
    try:
        if mixed is not None:
            sign, whole, a, b, c, d = mixed.groups()
            value = int(whole) + _divide(Fraction(int(a or c)), Fraction(int(b or d)))
            return Number(-value if sign == "-" else value)
        percent = text.endswith("%")
        value = _Reader(text.removesuffix("%")).whole()
    except _NoNumber:
        return None
    return Number(value / 100 if percent else value, percent=percent)


def _literal(match: re.Match[str], text: str) -> Number | None:
    digits = match["digits"]
    if len(digits) > DIGITS:
        return None
    power = int(match["power"] or match["exponent"] or 0)
    percent = text.endswith("%")
    if abs(power) > SCIENTIFIC:
        return None
    scale = Fraction(10) ** (power - 2 * percent)
    value = Fraction(digits.rstrip(".")) * scale
    value = -value if text.startswith("-") else value
    whole, _, places = digits.partition(".")
    if not places and match["power"] is None and match["exponent"] is None:
        return Number(value, percent=percent)
    figures = len((whole + places).lstrip("0")) or 1
    return Number(value, figures, scale / 10 ** len(places) / 2, percent)


class _Reader:
    """Recursive descent over one normal form; raises _NoNumber at whatever it does not know."""

    def __init__(self, text: str) -> None:
        self.text, self.place, self.depth = text, 0, 0

    def whole(self) -> Fraction:
        value = self._sum()
        if self.place != len(self.text):
            raise _NoNumber
        return value

    def _take(self, *tokens: str) -> str | None:
        for token in tokens:
            if self.text.startswith(token, self.place):
                self.place += len(token)
                return token
        return None

    def _sum(self) -> Fraction:
        self.depth += 1
        if self.depth > 12:
            raise _NoNumber
        value = self._product()
        while (sign := self._take("+", "-")) is not None:
            other = self._product()
            value = _small(value + other if sign == "+" else value - other)
        self.depth -= 1
        return value

    def _product(self) -> Fraction:
        value = self._signed()
        while True:
            sign = self._take("*", "/")
            if sign is None and self.text[self.place : self.place + 1] not in ("(", "\\", "{"):
                return value
            if sign is None and self.text.startswith(r"\pm", self.place):
                raise _NoNumber
            other = self._signed() if sign else self._power()
            value = _small(_divide(value, other) if sign == "/" else value * other)

    def _signed(self) -> Fraction:
        sign = self._take("-", "+")
        value = self._signed() if sign else self._power()
        return -value if sign == "-" else value

    def _power(self) -> Fraction:
        base = self._atom()
        if self._take("^") is None:
            return base
        exponent = self._group("{", "}") if self.text.startswith("{", self.place) else Fraction(self._digits(1))
        limit = SCIENTIFIC if base == 10 else LARGEST_EXPONENT
        if exponent.denominator != 1 or abs(exponent) > limit or (base == 0 and exponent <= 0):
            raise _NoNumber
        return _small(base ** int(exponent))

    def _atom(self) -> Fraction:
        if self.text.startswith("(", self.place):
            return self._group("(", ")")
        if self.text.startswith("{", self.place):
            return self._group("{", "}")
        if self._take(r"\frac"):
            above = self._group("{", "}")
            return _divide(above, self._group("{", "}"))
        if self._take(r"\sqrt"):
            return _root(self._group("{", "}"))
        match = _LITERAL.match(self.text, self.place)
        if match is None or len(match["digits"]) > DIGITS:
            raise _NoNumber
        self.place = match.end()
        value = Fraction(match["digits"].rstrip("."))
        return value * Fraction(10) ** int(match["exponent"]) if match["exponent"] else value

    def _digits(self, count: int) -> int:
        text = self.text[self.place : self.place + count]
        if not text.isdecimal():
            raise _NoNumber
        self.place += count
        return int(text)

    def _group(self, opening: str, closing: str) -> Fraction:
        if self._take(opening) is None:
            raise _NoNumber
        value = self._sum()
        if self._take(closing) is None:
            raise _NoNumber
        return value


def _small(value: Fraction) -> Fraction:
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > 2000:
        raise _NoNumber
    return value


def _divide(above: Fraction, below: Fraction) -> Fraction:
    if below == 0:
        raise _NoNumber
    return _small(above / below)


def _root(value: Fraction) -> Fraction:
    """The square root where it is rational."""
    if value < 0:
        raise _NoNumber
    above, below = isqrt(value.numerator), isqrt(value.denominator)
    if above * above != value.numerator or below * below != value.denominator:
        raise _NoNumber
    return Fraction(above, below)
