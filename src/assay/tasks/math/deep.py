"""The deep tier, run in a worker process: formulas as sympy expressions, by way of math-verify and its LaTeX parser.

Constants are compared as numbers of 50 digits, relatively, so that 1/2004! and 1/2006! differ. Formulas with variables
are compared at fixed points, where one disagreement is proof, and then by math-verify, which also judges equations,
relations and sets of its own. Its timeouts are off: this process is killed from outside. Parsed values are never
printed.
"""

import logging
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

import math_verify
import sympy
from latex2sympy2_extended import latex2sympy
from math_verify.grader import should_treat_as_complex
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from assay.tasks.math.compare import PHYSICS, RELATIVE, exact_leaf, same
from assay.tasks.math.normal import ROW
from assay.tasks.math.rules import Rules
from assay.tasks.math.tree import parse

logging.disable(logging.WARNING)  # math-verify warns that its timeouts are off

PLACES = 50
EXACT = Fraction(1, 10**30)
"""Relative difference below which two constants of PLACES digits are the same."""
POINTS = (sympy.Rational(37, 29), sympy.Rational(-53, 31), sympy.Rational(17, 41), sympy.Rational(-11, 47))
"""Where formulas with variables are compared; each further variable starts one later and is shifted by 1/7."""


class Unreadable(Exception):
    """The gold is not readable as mathematics."""


def judge(item: tuple[str, str, bool, dict[str, Any]]) -> dict[str, Any]:
    """The verdict on (gold, answer, grouped, rules): {"same": True, False or None, "why": a reason or None}."""
    gold, answer, grouped, options = item
    rules = Rules(**options)
    try:
        found = same(parse(gold, grouped), parse(answer, grouped), lambda g, a: _leaf(g, a, rules), rules)
        if found is None:
            found = _verified(_gold(gold), _expression(answer))
    except Unreadable:
        return {"same": None, "why": "the gold answer is not readable as mathematics"}
    if found is False and _expression(answer) is None and parse(answer, grouped).kind == "formula":
        return {"same": False, "why": "not readable as mathematics"}
    return {"same": bool(found), "why": None}


def _leaf(gold: str, answer: str, rules: Rules) -> bool:
    found = exact_leaf(gold, answer, rules)
    if found is not None:
        return found
    ours, theirs = _gold(gold), _expression(answer)
    if theirs is None:
        return False
    constants = _constant(ours), _constant(theirs)
    if None not in constants:
        return _equal_constants(ours, theirs, rules)
    agreement = _agree_at_points(ours, theirs)
    if agreement is not None:
        return agreement
    return _verified(ours, theirs)


def _gold(text: str) -> Any:
    expression = _expression(text)
    if expression is None:
        raise Unreadable
    return expression


@lru_cache(maxsize=256)
def _expression(text: str) -> Any:
    """The sympy expression of a normal form; None where the parser does not understand all of it."""
    text = re.sub(r"(?:[*/]?‹[^‹›]*›(?:\^\{?-?[0-9]\}?)?)+$", "", text).removesuffix("°")
    text = re.sub(r"([0-9.])[eE]([-+]?[0-9]+)(?![0-9])", r"\1*10^{\2}", text)
    text = re.sub("‹([^‹›]*)›", r"\\text{\1}", text).replace("°", r"^{\\circ}").replace(ROW, r"\\")
    text = re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", "", text).replace("%", r"\%")
    text = re.sub(r"(?<![_^0-9.])([0-9]+(?:\.[0-9]+)?)\(", r"\1*(", text)  # the parser takes 2(14) for a mixed number
    text = re.sub(r"\^([0-9]{2,})", r"^{\1}", text).replace(r"\odot", "o")
    text = re.sub(r"(?<![\\A-Za-z])E(?![A-Za-z])", r"\\Xi ", text)  # a variable; the parser takes it for 2.718...
    is_complex = should_treat_as_complex(text)
    try:
        found = latex2sympy(text, is_real=not is_complex, convert_degrees=False, normalization_config=None)
        if is_complex and isinstance(found, sympy.Expr) and not found.has(sympy.Sum, sympy.Product):
            found = found.subs({symbol: sympy.I for symbol in found.free_symbols if symbol.name == "i"})
    except Exception:  # the parser raises many kinds, bare Exception among them
        return None
    return found


def _constant(expression: Any) -> Any:
    """The expression where it is a number without variables; else None."""
    is_open = not isinstance(expression, sympy.Expr) or expression.free_symbols or expression.has(AppliedUndef)
    return None if is_open else expression


def _equal_constants(gold: Any, answer: Any, rules: Rules) -> bool:
    """Numbers to 50 digits; what cannot be worked out so is left to math-verify."""
    if gold.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan) or answer.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan):
        return bool(gold == answer)
    ours, theirs = (_value(each) for each in (gold, answer))
    if ours is None or theirs is None:
        return _verified(gold, answer)
    difference = abs(ours - theirs)
    is_rounded = gold.has(sympy.Float) or answer.has(sympy.Float)
    if not is_rounded and rules.tolerance is None:
        return bool(difference <= sympy.Rational(EXACT) * abs(ours)) and _is_zero(gold - answer)
    relative = (PHYSICS if rules.physics else RELATIVE) if is_rounded else EXACT
    error = rules.absolute_error
    if error is not None and difference <= sympy.Rational(error):
        return True
    return bool(difference <= sympy.Rational(relative) * abs(ours))


def _is_zero(difference: Any) -> bool:
    """Whether two constants that agree in many digits are the same: 2^1009 + 1 and 2^1009 are not."""
    difference = difference.doit()
    if difference.is_Rational:
        return bool(difference == 0)
    return difference.equals(0) is not False


def _value(expression: Any) -> Any:
    """50 digits of a constant; None where they cannot be had, or are not significant."""
    try:
        value = sympy.N(expression.doit(), PLACES)
    except Exception:  # sympy raises many kinds for what it cannot do
        return None
    parts = value.as_real_imag() if isinstance(value, sympy.Expr) else (None, None)
    return value if all(part is not None and part.is_Number and part.is_finite for part in parts) else None


def _agree_at_points(gold: Any, answer: Any) -> bool | None:
    """False where two formulas differ at a point; True where they agree at all, for formulas of elementary functions.

    None where that cannot be worked out.
    """
    if not (isinstance(gold, sympy.Expr) and isinstance(answer, sympy.Expr)):
        return None
    if gold.has(AppliedUndef) or answer.has(AppliedUndef):
        return None
    symbols = sorted(gold.free_symbols | answer.free_symbols, key=lambda symbol: symbol.name)
    if len(symbols) > 8 or any(
        each.has(sympy.Sum, sympy.Product, sympy.Integral, sympy.Limit) for each in (gold, answer)
    ):
        return None
    relative = sympy.Rational(RELATIVE if gold.has(sympy.Float) or answer.has(sympy.Float) else EXACT)
    compared = 0
    for start in range(len(POINTS)):
        at = {
            symbol: POINTS[(start + place) % len(POINTS)] + sympy.Rational(place, 7)
            for place, symbol in enumerate(symbols)
        }
        ours, theirs = _value(gold.subs(at)), _value(answer.subs(at))
        if ours is None or theirs is None:
            continue
        if abs(ours - theirs) > relative * (abs(ours) + abs(theirs)):
            return False
        compared += 1
    return True if compared >= 3 else None


def _verified(gold: Any, answer: Any) -> bool:
    """What math-verify says of two parsed values, its timeouts off."""
    if answer is None:
        return False
    both_related = isinstance(gold, Relational) and isinstance(answer, Relational)
    if both_related and gold.free_symbols != answer.free_symbols:
        return False  # math-verify would solve them first
    return bool(math_verify.verify(gold, answer, timeout_seconds=None))
