"""The deep tier, run in a worker process: formulas as sympy expressions, by way of math-verify and its LaTeX parser.

Constants are compared as numbers of 50 digits, relatively, so that 1/2004! and 1/2006! differ. Formulas with variables
are compared at a few points, where one disagreement is proof, and then by math-verify, which also judges equations,
relations and sets of its own. Its timeouts are off: this process is killed from outside. Parsed values are never
printed.
"""

import hashlib
import logging
import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

import math_verify
import sympy
from latex2sympy2_extended import latex2sympy
from latex2sympy2_extended.latex2sympy2 import ConversionConfig
from math_verify.grader import should_treat_as_complex
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational

from assay.tasks.math.compare import NEAR, PHYSICS, RELATIVE, core_of, exact_leaf, is_simple, same, undressed
from assay.tasks.math.normal import ROW
from assay.tasks.math.rules import Rules
from assay.tasks.math.tree import Node, is_constant, parse

logging.disable(logging.WARNING)  # math-verify warns that its timeouts are off

PLACES = 50
EXACT = Fraction(1, 10**30)
"""Relative difference below which two constants of PLACES digits are the same."""
POINTS = 4
"""How many times formulas with variables are compared, each variable at another value each time."""


_DROPPED = re.compile(r"[0-9)]'|[0-9]\s*_|[0-9]\^\{?[0-9]*\}?_|:|\\equiv|\\pmod|\\bmod|\^\{?-1\}?\(")
"""What the parser reads past: a prime or an index on a number, ratios, congruences, inverse functions."""


class Unreadable(Exception):
    """The gold is not readable as mathematics."""


def judge(item: tuple[str, str | None, bool, dict[str, Any]]) -> dict[str, Any]:
    """The verdict on (gold, answer, grouped, rules): {"same": True, False or None, "why": a reason or None}.

    Without an answer the gold alone is worked out, to see what it costs.
    """
    gold, answer, grouped, options = item
    rules = Rules(**options)
    if answer is None:
        return {"same": _is_readable(parse(gold, grouped)), "why": None}
    try:
        found = same(parse(gold, grouped), parse(answer, grouped), lambda g, a: _leaf(g, a, rules), rules)
        if found is None:
            found = _verified(_gold(gold), _expression(answer))
    except Unreadable:
        return {"same": None, "why": "the gold answer is not readable as mathematics"}
    if found is False and _expression(answer) is None and parse(answer, grouped).kind == "formula":
        return {"same": False, "why": "not readable as mathematics"}
    return {"same": bool(found), "why": None}


def _is_readable(node: Node) -> bool:
    """Whether every formula of a gold can be read; each is worked out, to see what it costs."""
    if node.parts:
        return all(_is_readable(part) for part in node.parts)
    core = core_of(node.text)
    if is_simple(node.text) or core is None:
        return core is not None or node.text.startswith("‹")
    expression = _expression(core.text)
    if isinstance(expression, sympy.Expr):
        _value(expression) if _is_constant(expression) else _agree_at_points(expression, expression)
    return expression is not None


def _leaf(gold: str, answer: str, rules: Rules) -> bool:
    found = exact_leaf(gold, answer, rules)
    if found is not None:
        return found
    is_near = answer.startswith(NEAR)
    cores = undressed(gold, answer.removeprefix(NEAR))
    if isinstance(cores, bool):
        return cores
    ours, theirs = _gold(cores[0].text), _expression(cores[1].text)
    if theirs is None:
        return False
    for core, is_gold in ((cores[0], True), (cores[1], False)):
        if core.scale != 1 and is_gold:
            ours *= sympy.Rational(core.scale)
        elif core.scale != 1:
            theirs *= sympy.Rational(core.scale)
    if _is_constant(ours) and _is_constant(theirs):
        return _equal_constants(ours, theirs, Rules(physics=True, tolerance=None) if is_near else rules, is_near)
    agreement = _agree_at_points(ours, theirs)
    return _verified(ours, theirs) if agreement is None else agreement


def _gold(text: str) -> Any:
    expression = _expression(text)
    if expression is None or (isinstance(expression, sympy.Basic) and expression.has(sympy.zoo, sympy.nan)):
        raise Unreadable
    return expression


@lru_cache(maxsize=256)
def _expression(text: str) -> Any:
    """The sympy expression of a normal form; None where the parser does not understand all of it, or drops some."""
    if "‹" in text or _DROPPED.search(text) or (re.search(r"\\(?:max|min|gcd|lcm)", text) and not is_constant(text)):
        return None
    text = re.sub(r"([0-9.])[eE]([-+]?[0-9]+)(?![0-9])", r"\1*10^{\2}", text)
    text = (
        re.sub(r"([0-9.]+)°", r"(\1*\\pi/180)", text).replace("°", r"^{\circ}").replace(ROW, r"\\").replace("%", r"\%")
    )
    text = re.sub(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))", "", text)
    text = re.sub(r"(?<![_^0-9.])([0-9]+(?:\.[0-9]+)?)\(", r"\1*(", text)  # the parser takes 2(14) for a mixed number
    text = re.sub(r"\^([0-9]{2,})", r"^{\1}", text).replace(r"\odot", "o")
    text = re.sub(r"\\gamma(?![A-Za-z])", r"\\Upsilon ", text)  # the parser takes it for a function
    text = re.sub(r"([A-Za-z])('+)", lambda match: f"{match[1]}_{{{'p' * len(match[2])}}}", text)
    text = re.sub(r"(?<![\\A-Za-z])E(?![A-Za-z])", r"\\Xi ", text)  # a variable; the parser takes it for 2.718...
    is_complex = should_treat_as_complex(text)
    try:
        found = latex2sympy(
            text,
            is_real=not is_complex,
            convert_degrees=False,
            normalization_config=None,
            conversion_config=ConversionConfig(lowercase_symbols=False),
        )
        if is_complex and isinstance(found, sympy.Expr) and not found.has(sympy.Sum, sympy.Product):
            found = found.subs({symbol: sympy.I for symbol in found.free_symbols if symbol.name == "i"})
    except Exception:  # the parser raises many kinds, bare Exception among them
        return None
    return found


def _is_constant(expression: Any) -> bool:
    """True for a number without variables."""
    return isinstance(expression, sympy.Expr) and not expression.free_symbols and not expression.has(AppliedUndef)


def _equal_constants(gold: Any, answer: Any, rules: Rules, is_rounded: bool = False) -> bool:
    """Numbers to 50 digits; what cannot be worked out so is left to math-verify."""
    if gold.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan) or answer.has(sympy.oo, -sympy.oo, sympy.zoo, sympy.nan):
        return bool(gold == answer)
    ours, theirs = (_value(each) for each in (gold, answer))
    if ours is None or theirs is None:
        return _verified(gold, answer)
    difference = abs(ours - theirs)
    is_rounded = is_rounded or gold.has(sympy.Float) or answer.has(sympy.Float)
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
    positive = gold.has(sympy.log) or any(power.exp.is_integer is False for power in gold.atoms(sympy.Pow))
    relative = sympy.Rational(RELATIVE if gold.has(sympy.Float) or answer.has(sympy.Float) else EXACT)
    texts = f"{sympy.srepr(gold)[:500]}/{sympy.srepr(answer)[:500]}"
    compared = 0
    for start in range(POINTS):
        at = {symbol: _point(texts, start, place, positive) for place, symbol in enumerate(symbols)}
        ours, theirs = _value(gold.subs(at)), _value(answer.subs(at))
        if ours is None or theirs is None:
            continue
        if abs(ours - theirs) > relative * (abs(ours) + abs(theirs)):
            return False
        compared += 1
    return True if compared >= 3 else None


def _point(texts: str, start: int, place: int, positive: bool) -> Any:
    """The value of a variable: between 1/10 and 20 in size, and another for other formulas, so that none can be met.

    Where the gold has roots or logarithms, quantities are taken to be positive; else every other value is negative.
    """
    digest = hashlib.sha256(f"{start}/{place}/{texts}".encode()).digest()
    value = sympy.Rational(1, 10) + sympy.Rational(int.from_bytes(digest[:4]), 2**32) * 20
    return value if positive or (start + place) % 2 == 0 else -value


def _verified(gold: Any, answer: Any) -> bool:
    """What math-verify says of two parsed values, its timeouts off."""
    if answer is None:
        return False
    related = [isinstance(each, Relational) for each in (gold, answer)]
    if all(related) and gold.free_symbols != answer.free_symbols:
        return False  # math-verify would solve them first
    if related == [True, False] and not isinstance(answer, sympy.Set):
        return False  # it would compare the right side alone
    return bool(math_verify.verify(gold, answer, timeout_seconds=None))
