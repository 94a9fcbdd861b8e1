r"""Equal forms and near-misses of single numbers: what `cases` writes of a gold whose exact value is known."""

from collections.abc import Iterator
from fractions import Fraction
from math import isqrt

from assay.tasks.answers import canonical
from assay.tasks.math.case_values import Terms, rational_of, square_free
from assay.types import Verdict

Form = tuple[str, Verdict, str]
"""An answer as it stands in the box, the verdict it must get, and the kind of form it is."""

RIGHT, WRONG = Verdict.RIGHT, Verdict.WRONG

PLACES = 12
"""Digits after the point of the longest decimal that is written."""
CLOSE = Fraction(1, 10_000)
"""Relative error above which a decimal is surely not taken for the exact value that it approximates."""


def rational_forms(value: Fraction, rounded: bool = False) -> Iterator[Form]:
    """Of a rational number; where `rounded`, near-misses are further off than any rounding of a measured value."""
    yield from _integer_forms(value.numerator) if value.denominator == 1 else _fraction_forms(value)
    yield from (form for form in _decimal_forms(value) if form[1] is RIGHT or not rounded)
    misses = [(value + 1, "one more"), (value - 1, "one less"), (2 * value, "doubled"), (-value, "sign flipped")]
    misses += [(10 * value, "decimal point moved")]
    if abs(value) <= 10:
        misses.append((value + Fraction(1, 1000), "a thousandth more"))
    for other, why in misses:
        if other != value and (not rounded or abs(other - value) > abs(value) / 2):
            yield _plain(other), WRONG, why
    if value.denominator != 1:
        above, below = value.numerator, value.denominator
        if abs(above) not in (0, below):
            yield _fraction(Fraction(below, above)), WRONG, "numerator and denominator swapped"
        if not rounded:
            yield _fraction_text(above + 1, below), WRONG, "numerator off by one"
            yield _fraction_text(above, below + 1), WRONG, "denominator off by one"
    far = _plain(value + (abs(value) if abs(value) > 1 else 1))
    yield f"{_plain(value)} \\text{{ or }} {far}", WRONG, "two values in a box"
    yield f"{_plain(value)} = {far}", WRONG, "an equation of two values"


def irrational_forms(terms: Terms, rounded: bool = False) -> Iterator[Form]:
    """Of one term c sqrt(r) pi^p i^k with p 0 or 1 that is no rational number."""
    (((radicand, pi, unit), value),) = terms.items()
    tail = (f"\\sqrt{{{radicand}}}" if radicand > 1 else "") + ("\\pi" if pi else "") + ("i" if unit else "")
    sign, above, below = "-" if value < 0 else "", abs(value.numerator), value.denominator
    if below == 1:
        yield f"{tail} \\cdot {sign}{above}" if not sign else f"-{tail} \\cdot {above}", RIGHT, "factors reordered"
    else:
        head = "" if above == 1 else str(above)
        yield f"{sign}\\frac{{{head}{tail}}}{{{below}}}", RIGHT, "factor inside the fraction"
        yield f"{sign}\\frac{{{above}}}{{{below}}}{tail}", RIGHT, "factor beside the fraction"
        yield f"{sign}\\frac{{{2 * above}{tail}}}{{{2 * below}}}", RIGHT, "fraction not reduced"
        yield f"{sign}{head}{tail}/{below}", RIGHT, "fraction with a slash"
    if radicand > 1 and not pi and not unit:
        if above > 1 and above * above * radicand < 10**6:
            inner = f"\\sqrt{{{above * above * radicand}}}"
            yield sign + (inner if below == 1 else f"\\frac{{{inner}}}{{{below}}}"), RIGHT, "factor under the root"
        yield (
            f"{sign}\\frac{{{above * radicand}}}{{{'' if below == 1 else below}\\sqrt{{{radicand}}}}}",
            RIGHT,
            "root in the denominator",
        )
    head = "" if above == 1 else str(above)
    yield _beside(f"{'' if sign else '-'}{head}{tail}", below), WRONG, "sign flipped"
    yield _beside(f"{sign}{above + 1}{tail}", below), WRONG, "coefficient off by one"
    if not unit:
        yield _plain(value * (radicand if radicand > 1 else 1)), WRONG, "root or pi removed"
    if radicand > 1 and square_free(radicand + 1)[1] > 1:
        yield (
            _beside(f"{sign}{head}{tail.replace(str(radicand), str(radicand + 1), 1)}", below),
            WRONG,
            "other radicand",
        )
    if radicand > 1 and not pi and not unit and not rounded:
        square, cut = Fraction(above * above * radicand, below * below), _cut(above * above * radicand, below)
        if Fraction(cut) ** 2 < square * (1 - 2 * CLOSE):
            yield sign + cut, WRONG, "decimal of three places"


def science_forms(gold: str) -> Iterator[Form]:
    """Of a number as 4.5e33."""
    mantissa, _, exponent = gold.lower().partition("e")
    if not exponent or rational_of(gold) in (None, 0):
        return
    power = int(exponent)
    yield f"{mantissa} \\times 10^{{{power}}}", RIGHT, "times a power of ten"
    yield f"{mantissa} \\cdot 10^{{{power}}}", RIGHT, "times a power of ten"
    yield f"{mantissa}E{power}", RIGHT, "exponent after E"
    shifted = Fraction(mantissa) / 10
    yield f"{canonical(shifted)} \\times 10^{{{power + 1}}}", RIGHT, "another power of ten, the same value"
    yield f"{mantissa} \\times 10^{{{power + 1}}}", WRONG, "exponent off by one"
    yield f"{mantissa} \\times 10^{{{-power}}}", WRONG, "sign of the exponent flipped"
    yield f"-{mantissa} \\times 10^{{{power}}}" if mantissa[0] not in "+-" else mantissa[1:], WRONG, "sign flipped"
    yield f"{canonical(2 * Fraction(mantissa))} \\times 10^{{{power}}}", WRONG, "doubled"
    yield mantissa, WRONG, "power of ten dropped"
    yield "0", WRONG, "zero for a small or great number"


def _integer_forms(number: int) -> Iterator[Form]:
    size, sign = abs(number), "-" if number < 0 else ""
    yield f"{number}.0", RIGHT, "trailing zeros"
    yield f"{number}.00", RIGHT, "trailing zeros"
    yield f"\\frac{{{2 * number}}}{{2}}", RIGHT, "fraction of integers"
    yield f"{3 * number}/3", RIGHT, "fraction with a slash"
    yield f"{number} \\text{{ units}}", RIGHT, "unit added"
    if number > 0:
        yield f"+{number}", RIGHT, "plus sign"
        if number * number < 10**6:
            yield f"\\sqrt{{{number * number}}}", RIGHT, "root of a square"
    if size >= 1000:
        grouped = f"{size:,}"
        yield sign + grouped, RIGHT, "thousands grouped"
        yield sign + grouped.replace(",", "{,}"), RIGHT, "thousands grouped"
        yield sign + grouped.replace(",", ",\\!"), RIGHT, "thousands grouped"
        head, tail = grouped.split(",", 1)
        yield f"{sign}{head}{tail[0]},{tail[1:]}", WRONG, "thousands separator moved"
    if size >= 100 and size % 10 == 0:
        digits = str(size).rstrip("0")
        mantissa = digits[0] + ("." + digits[1:] if digits[1:] else "")
        yield f"{sign}{mantissa} \\times 10^{{{len(str(size)) - 1}}}", RIGHT, "times a power of ten"


def _fraction_forms(value: Fraction) -> Iterator[Form]:
    above, below, sign = abs(value.numerator), value.denominator, "-" if value < 0 else ""
    yield f"{sign}\\frac{{{above}}}{{{below}}}", RIGHT, "fraction"
    for command in ("dfrac", "tfrac"):
        yield f"{sign}\\{command}{{{above}}}{{{below}}}", RIGHT, "dfrac or tfrac"
    yield f"{value.numerator}/{below}", RIGHT, "fraction with a slash"
    yield f"{sign}\\frac{{{2 * above}}}{{{2 * below}}}", RIGHT, "fraction not reduced"
    if above < 10 and below < 10:
        yield f"{sign}\\frac{above}{below}", RIGHT, "frac without braces"
    if sign:
        yield f"\\frac{{-{above}}}{{{below}}}", RIGHT, "sign inside the fraction"
        yield f"\\frac{{{above}}}{{-{below}}}", RIGHT, "sign inside the fraction"
    if above > below and not sign:
        yield f"{above // below}\\frac{{{above % below}}}{{{below}}}", RIGHT, "mixed number"


def _decimal_forms(value: Fraction) -> Iterator[Form]:
    """A terminating decimal, or what its first digits fall short of."""
    if value.denominator == 1:
        return
    text = canonical(value)
    if "/" in text:
        cut = f"{int(abs(value) * 1000) / 1000:.3f}"
        if Fraction(cut) < abs(value) * (1 - CLOSE):
            yield ("-" if value < 0 else "") + cut, WRONG, "decimal of three places"
    elif len(text.partition(".")[2]) <= PLACES:
        yield text, RIGHT, "decimal"
        yield f"{text}0", RIGHT, "trailing zeros"
        if abs(value) < 1:
            yield text.replace("0.", ".", 1), RIGHT, "no zero before the point"


def _plain(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else _fraction(value)


def _fraction(value: Fraction) -> str:
    return _fraction_text(value.numerator, value.denominator)


def _fraction_text(above: int, below: int) -> str:
    return f"{'-' if above < 0 else ''}\\frac{{{abs(above)}}}{{{below}}}"


def _beside(text: str, below: int) -> str:
    """`text` over `below`, the sign before the fraction."""
    sign, body = ("-", text[1:]) if text.startswith("-") else ("", text)
    return text if below == 1 else f"{sign}\\frac{{{body}}}{{{below}}}"


def _cut(square: int, below: int) -> str:
    """sqrt(square) / below, cut after three digits."""
    thousandths = isqrt(square * 10**6 // below**2)
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"
