"""Is one answer the other? True, False, or None where these tiers cannot tell.

`same` compares shapes and asks `leaf(gold, answer)` about their formulas, so the exact tier and the deep one share all
rules of lists, tuples, intervals and names. Not symmetric: what the gold leaves open, the answer may say.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fractions import Fraction

from assay.tasks.math.exact import Number, number
from assay.tasks.math.rules import Rules
from assay.tasks.math.tree import Node
from assay.tasks.math.units import conversion

RELATIVE = Fraction(1, 10**6)
"""A decimal may differ from an exact value by so much of it: 0.333333 is 1/3, 0.3333 is not."""
PHYSICS = Fraction(1, 100)
"""Relative error allowed where the gold is a measured or rounded quantity."""

Leaf = Callable[[str, str], bool | None]

_UNITS = re.compile(r"(?P<value>.*?[0-9)}\]a-z%°.])\s*(?P<units>(?:[*/]?‹[^‹›]*›(?:\^\{?-?[0-9]\}?)?)+)")
_PLAIN_UNITS = re.compile(r"(?P<value>[-+]?[0-9][0-9.,/ ]*?)\s?(?P<units>[A-Za-z]{2,}[A-Za-z0-9^/ .²³]*)")
_PREFIX = re.compile(r"‹[^‹›]*›(?=[-+0-9(\\])")
_WORDS = re.compile(r"‹([^‹›]*)›|([A-Za-z][A-Za-z' -]*[A-Za-z]|[A-Za-z])")
_CHOICE = re.compile(r"[‹(]\(?([A-Z])[›).:]")
_DECIMAL = re.compile(r"[-+]?[0-9]+[.,][0-9]+")
_SYMBOLS = re.compile(r"[0-9=+*/^_<>|(){}\\\[\]-]")
_BASE = re.compile(r"([0-9A-F]+)_\{?([0-9]{1,2})\}?")
_RATIO = re.compile(r"([^:]+):([^:]+)")


def same(gold: Node, answer: Node, leaf: Leaf, rules: Rules) -> bool | None:
    """Whether `answer` is `gold`; see the module's text."""
    if answer.also and gold.kind != "equation":
        agree = all_true(leaf(answer.text, other) for other in answer.also)
        if agree is not True:
            return agree  # 6 = 5 names two values
    if gold.kind == "list" or answer.kind == "list":
        return _lists(gold, answer, leaf, rules)
    if gold.kind == "tuple" or answer.kind == "tuple":
        return _tuples(gold, answer, leaf, rules)
    if gold.kind == "interval" and answer.kind == "interval":
        return all_true([gold.ends == answer.ends, *_pairs(gold.parts, answer.parts, leaf, rules)])
    if gold.kind == "matrix" and answer.kind == "matrix":
        if (gold.columns, len(gold.parts)) != (answer.columns, len(answer.parts)):
            return False
        return all_true(_pairs(gold.parts, answer.parts, leaf, rules))
    if gold.kind == answer.kind == "formula":
        if _names_differ(gold.name, answer.name):
            return False
        return leaf(gold.text, answer.text)
    if gold.text == answer.text:
        return True
    return _unlike(gold, answer)


def all_true(values: Iterable[bool | None]) -> bool | None:
    """False where one is False; else None where one is None; else True."""
    found = list(values)
    return False if False in found else None if None in found else True


def any_true(values: Iterable[bool | None]) -> bool | None:
    """True where one is True; else None where one is None; else False."""
    found = list(values)
    return True if True in found else None if None in found else False


def _pairs(gold: Sequence[Node], answer: Sequence[Node], leaf: Leaf, rules: Rules) -> list[bool | None]:
    return [same(a, b, leaf, rules) for a, b in zip(gold, answer, strict=True)]


def _lists(gold: Node, answer: Node, leaf: Leaf, rules: Rules) -> bool | None:
    """As sets: each of one is in the other. In order where the gold names what each part is the value of."""
    if gold.kind == "tuple" and not answer.text.startswith(r"\{") and all(p.kind == "formula" for p in answer.parts):
        return _tuples(gold, replace(answer, kind="tuple"), leaf, rules)  # 1, 3 for (1, 3)
    ours = gold.parts if gold.kind == "list" else (gold,)
    is_list = answer.kind == "list" or (answer.kind == "tuple" and all(part.kind != "tuple" for part in ours))
    theirs = answer.parts if is_list else (answer,)
    names, said = [part.name for part in ours], [part.name for part in theirs]
    if _tell_apart(names):
        if not any(said):
            if len(ours) != len(theirs):
                return False
            return all_true(_pairs([replace(part, name=None) for part in ours], theirs, leaf, rules))
        if None not in said and set(names) == set(said) and len(ours) == len(theirs):
            by_name = {part.name: part for part in theirs}
            return all_true(same(part, by_name[part.name], leaf, rules) for part in ours)
    table = [[same(a, b, leaf, rules) for b in theirs] for a in ours]
    each_found = all_true(any_true(row) for row in table)
    none_more = all_true(any_true(row[place] for row in table) for place in range(len(theirs)))
    return all_true([each_found, none_more])


def _tell_apart(names: Sequence[str | None]) -> bool:
    """True where the parts are the values of different things, not several values of one or numbered roots of one."""
    letters = {re.sub(r"_\{?[0-9]+\}?", "", name) for name in names if name}
    return None not in names and len(letters) == len(names) > 1


def _tuples(gold: Node, answer: Node, leaf: Leaf, rules: Rules) -> bool | None:
    kinds = {gold.kind, answer.kind}
    if kinds == {"tuple"}:
        if len(gold.parts) != len(answer.parts):
            return False
        return all_true(_pairs(gold.parts, answer.parts, leaf, rules))
    if kinds == {"tuple", "interval"} and len(gold.parts) == len(answer.parts):
        is_open = "()" in (gold.ends, answer.ends)
        return all_true([is_open, *_pairs(gold.parts, answer.parts, leaf, rules)])
    matrix = next((node for node in (gold, answer) if node.kind == "matrix"), None)
    if matrix is not None:
        is_vector = matrix.columns in (1, len(matrix.parts)) and len(gold.parts) == len(answer.parts)
        return is_vector and all_true(_pairs(gold.parts, answer.parts, leaf, rules))
    return _unlike(gold, answer)


def _unlike(gold: Node, answer: Node) -> bool | None:
    """Two shapes that are not the same: a number or a word is no interval, equation or tuple; else who knows."""
    simple = [node.text for node in (gold, answer) if node.kind == "formula"]
    return False if any(number(text) is not None or _word(text) is not None for text in simple) else None


def _names_differ(gold: str | None, answer: str | None) -> bool:
    """True for x = 1 and y = 1: single letters that are not the same."""
    return gold is not None and answer is not None and gold != answer and len(gold) == len(answer) == 1


def exact_leaf(gold: str, answer: str, rules: Rules) -> bool | None:
    """Two formulas by text, words, units and exact numbers; None where that does not decide."""
    if gold == answer:
        return True
    words = _word(gold), _word(answer)
    if None not in words:
        return words[0] == words[1]
    if "‹" in gold + answer and None in words and words != (None, None):
        bare = re.sub("[‹› ]", "", gold), re.sub("[‹› ]", "", answer)
        if bare[0].isalpha() and bare[1].isalpha():
            return bare[0].casefold() == bare[1].casefold()
    choice = _CHOICE.match(answer)
    if words[0] is not None and "‹" in gold and len(words[0]) == 1:
        return choice is not None and choice[1] == words[0]
    if words[0] is not None and "‹" in gold and words[1] is None:
        return False
    if _DECIMAL.fullmatch(gold) and _DECIMAL.fullmatch(answer) and gold.replace(",", ".") == answer.replace(",", "."):
        return True  # a decimal comma
    if _BASE.fullmatch(gold):
        return _bases(gold, answer)
    (gold, unit), (answer, other) = _units(gold), _units(answer)
    if gold == answer and not (unit and other):
        return True
    ours, theirs = number(gold), number(answer)
    if ours is not None and theirs is not None:
        factor = conversion(unit, other) if unit and other else Fraction(1)
        if factor is None:
            return False
        return (
            equal_numbers(ours, theirs, rules) if factor == 1 else _close(ours.value, theirs.value * factor, RELATIVE)
        )
    ratios = _RATIO.fullmatch(gold), _RATIO.fullmatch(answer)
    if ratios[0] and ratios[1]:
        return _ratios(ratios[0], ratios[1])
    if _is_said(words[0]) != _is_said(words[1]) and _SYMBOLS.search(answer if _is_said(words[0]) else gold):
        return False  # words and a formula
    return None


def _is_said(word: str | None) -> bool:
    """True for words of more letters than a product of variables has."""
    return word is not None and len(word) > 3


def equal_numbers(gold: Number, answer: Number, rules: Rules) -> bool:
    """Exactly equal, or as close as the rules allow where one of them is a decimal."""
    if gold.percent != answer.percent and rules.asks_percent:
        plain, written = (answer, gold) if gold.percent else (gold, answer)
        if plain.value == written.value * 100:
            return True
    difference = abs(gold.value - answer.value)
    if difference == 0 or (rules.absolute_error is not None and difference <= rules.absolute_error):
        return True
    if rules.physics and (gold.figures is not None or answer.figures is not None):
        if (
            gold.figures is not None
            and gold.figures >= 2
            and gold.half_unit is not None
            and difference <= gold.half_unit
        ):
            return True
        return _close(gold.value, answer.value, PHYSICS)
    is_rounded = answer.figures is not None or gold.figures is not None
    return is_rounded and _close(gold.value, answer.value, RELATIVE)


def _close(gold: Fraction, answer: Fraction, relative: Fraction) -> bool:
    return abs(gold - answer) <= relative * abs(gold)


def _word(text: str) -> str | None:
    """The words that a formula consists of, without regard to case; of one letter the case counts. None for others."""
    match = _WORDS.fullmatch(text)
    if match is None:
        return None
    word = (match[1] if match[1] is not None else match[2]).strip()
    if match[1] is None and " " not in word and len(word) in (2, 3):
        return None  # a product of variables such as ab
    return word if len(word) == 1 else re.sub(r"\s+", "", word.casefold())


def _units(text: str) -> tuple[str, str]:
    """(value, units): '15‹cm›^2' is ('15', 'cm^2')."""
    text = _PREFIX.sub("", text, count=1)
    match = _UNITS.fullmatch(text) or _PLAIN_UNITS.fullmatch(text)
    if match is None:
        return text.removesuffix("°"), ""
    units = match["units"].replace("‹", "").replace("›", "").strip(" .")
    if match["value"].rstrip().endswith("%"):
        units = ""
    return match["value"].strip().removesuffix("°"), units


def _bases(gold: str, answer: str) -> bool:
    """Numerals: the same digits in the same base, which the answer may leave unsaid."""
    digits, base = re.fullmatch(_BASE, gold).groups()  # type: ignore[union-attr]
    found = _BASE.fullmatch(answer)
    if found is not None:
        return found[1].lstrip("0") == digits.lstrip("0") and found[2] == base
    return answer.lstrip("0") == digits.lstrip("0")


def _ratios(gold: re.Match[str], answer: re.Match[str]) -> bool | None:
    parts = [number(part) for part in (*gold.groups(), *answer.groups())]
    if any(part is None for part in parts):
        return None
    a, b, c, d = (part.value for part in parts if part is not None)
    return a * d == b * c
