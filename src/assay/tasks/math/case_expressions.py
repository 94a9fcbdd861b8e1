r"""Equal forms and near-misses of expressions, equations and inequalities, written by pattern without any algebra."""

import re
from collections.abc import Iterator

from assay.tasks.math.case_numbers import RIGHT, WRONG, Form
from assay.tasks.math.case_text import fraction_parts, is_expression, joined, summands
from assay.tasks.math.case_values import terms_of

_BASE = re.compile(r"(\d+)_\{?(\d+)\}?")
_MONOMIAL = re.compile(r"(\d+)\s*([a-zA-Z])(?:\^\{?(\d+)\}?)?")
_POWER = re.compile(r"(\d+)\^\{?(\d+)\}?")
_NAMED = re.compile(r"(?P<name>[a-zA-Z]|[a-zA-Z]\([a-z]\))\s*=\s*(?P<side>[^=,]+)")
_RELATION = re.compile(r"([a-z])\s*\\(?:ge|geq|geqslant)\s*(-?\d+)")
_SIGNED_POWER = re.compile(r"([a-zA-Z])\^(\d)(?!\d)")
_COEFFICIENT = re.compile(r"(\d+)(?=\s*[a-zA-Z])")


def base_forms(text: str) -> Iterator[Form]:
    """Of a numeral with its base, as 204_5."""
    match = _BASE.fullmatch(text)
    if not match:
        return
    digits, base = match[1], int(match[2])
    yield f"{digits}_{{{base}}}", RIGHT, "base in braces"
    yield f"{digits}_{{\\text{{{base}}}}}", RIGHT, "base in text"
    last = (int(digits[-1]) + 1) % base
    yield f"{digits[:-1]}{last}_{{{base}}}", WRONG, "last digit changed"
    yield f"{digits}_{{{base + 1}}}", WRONG, "another base"
    yield f"{digits}0_{{{base}}}", WRONG, "a digit added"


def power_forms(text: str) -> Iterator[Form]:
    """Of a power of two integers, or a coefficient times a power of a letter."""
    if match := _POWER.fullmatch(text):
        base, power = int(match[1]), int(match[2])
        yield f"{base}^{{{power}}}", RIGHT, "exponent in braces"
        if base > 1 and power > 1:
            yield f"{base} \\cdot {base}^{{{power - 1}}}", RIGHT, "a factor taken out"
            yield f"{base}^{{{power + 1}}}", WRONG, "exponent off by one"
            yield f"{base + 1}^{{{power}}}", WRONG, "base off by one"
        if base > 1 and power > 2:
            yield f"{base} \\cdot {power}", WRONG, "power as a product"
    elif match := _MONOMIAL.fullmatch(text):
        number, letter, raised = int(match[1]), match[2], f"^{{{match[3]}}}" if match[3] else ""
        if letter == "i" or number == 0:
            return
        other = "m" if letter != "m" else "k"
        yield f"{letter}{raised} \\cdot {number}", RIGHT, "factors reordered"
        yield f"{number} \\cdot {letter}{raised}", RIGHT, "a dot between factors"
        yield f"{number + 1}{letter}{raised}", WRONG, "coefficient off by one"
        yield f"{number}{letter}^{{{int(match[3] or 1) + 1}}}", WRONG, "exponent off by one"
        yield f"{number}{other}{raised}", WRONG, "another variable"


def sum_forms(text: str) -> Iterator[Form]:
    """Of a sum of two terms or more."""
    terms = summands(text)
    if not is_expression(text) or len(terms) < 2 or any(term.strip("0. ") == "" for _, term in terms):
        return
    yield joined(terms[::-1]), RIGHT, "summands reordered"
    if len(terms) > 2:
        yield joined([*terms[1:], terms[0]]), RIGHT, "summands reordered"
    yield f"\\left({joined(terms)}\\right)", RIGHT, "in parentheses"
    (sign, last) = terms[-1]
    yield joined([*terms[:-1], ("+" if sign == "-" else "-", last)]), WRONG, "a sign flipped inside"
    yield joined(terms[:-1]), WRONG, "a summand dropped"
    if last.isdigit():
        yield joined([*terms[:-1], (sign, str(int(last) + 1))]), WRONG, "constant off by one"
    for index, (sign, term) in enumerate(terms):
        match = _COEFFICIENT.match(term)
        if match and len(summands(term)) == 1 and "/" not in term and "^" not in term[: match.end() + 1]:
            changed = f"{int(match[1]) + 1}{term[match.end() :]}"
            yield joined([*terms[:index], (sign, changed), *terms[index + 1 :]]), WRONG, "coefficient off by one"
            break
    sign, first = terms[0]
    if match := _SIGNED_POWER.fullmatch(first):
        changed = f"{match[1]}^{{{int(match[2]) + 1}}}"
        if terms_of(text) is None and changed not in text:
            yield joined([(sign, changed), *terms[1:]]), WRONG, "exponent off by one"


def fraction_forms(text: str) -> Iterator[Form]:
    """Of one fraction of expressions."""
    parts = fraction_parts(text)
    if not parts or not is_expression(text):
        return
    sign, above, below = parts
    yield f"{sign}\\dfrac{{{above}}}{{{below}}}", RIGHT, "dfrac or tfrac"
    yield f"{sign}({above})/({below})", RIGHT, "fraction with a slash"
    yield f"{sign}\\frac{{2({above})}}{{2({below})}}", RIGHT, "fraction not reduced"
    if above != below:
        yield f"{sign}\\frac{{{below}}}{{{above}}}", WRONG, "numerator and denominator swapped"


def expression_forms(text: str) -> Iterator[Form]:
    """Of any expression that is not 0: what holds whatever is in it."""
    if not is_expression(text) or terms_of(text) is not None:
        return
    yield f"\\left({text}\\right)", RIGHT, "in parentheses"
    yield f"\\frac{{2({text})}}{{2}}", RIGHT, "fraction not reduced"
    yield f"-({text})", WRONG, "sign flipped"
    yield f"2({text})", WRONG, "doubled"
    yield f"({text})+1", WRONG, "one more"


def equation_forms(text: str) -> Iterator[Form]:
    """Of `x = 5`, `f(x) = 2x`, and of an expression that is said to be 0."""
    match = _NAMED.fullmatch(text)
    if match:
        name, side = match["name"], match["side"].strip()
        own = len(name) == 1 and re.search(r"(?<![a-zA-Z\\])[a-zA-Z](?![a-zA-Z])", side)
        if not is_expression(side) or side.strip("0 ") == "":
            return
        yield f"{name}={side}", RIGHT, "spacing"
        yield f"{name} = \\left({side}\\right)", RIGHT, "in parentheses"
        if name != "y" or not own:
            yield side, RIGHT, "name dropped"
        yield f"{name} = -({side})", WRONG, "sign flipped"
        yield f"{name} = {side} + 1", WRONG, "one more"
        return
    left, mark, right = text.partition("=")
    terms = summands(left.strip())
    if mark and right.strip() == "0" and len(terms) > 1 and is_expression(left):
        flipped = [("+" if sign == "-" else "-", term) for sign, term in terms]
        yield f"0 = {left.strip()}", RIGHT, "sides swapped"
        yield f"{joined(flipped)} = 0", RIGHT, "both sides negated"
        yield f"{joined(terms[1:])} = 0", WRONG, "a summand dropped"
        yield f"{left.strip()} = 1", WRONG, "another right side"


def relation_forms(text: str) -> Iterator[Form]:
    """Of `k >= 2`."""
    match = _RELATION.fullmatch(text)
    if not match:
        return
    name, bound = match[1], match[2]
    for form in (f"{name} \\ge {bound}", f"{name} \\geq {bound}", f"{name} >= {bound}", f"{bound} \\le {name}"):
        yield form, RIGHT, "another sign of the relation"
    yield f"{name} > {bound}", WRONG, "a strict inequality"
    yield f"{name} \\le {bound}", WRONG, "the other side"
    yield f"{name} \\ge {int(bound) + 1}", WRONG, "an end off by one"
