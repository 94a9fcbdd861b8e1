"""Is one answer the other? True, False, or None where these tiers cannot tell.

`same` compares shapes and asks `leaf(gold, answer)` about their formulas, so the exact tier and the deep one share all
rules of lists, tuples, intervals and names. Not symmetric: what the gold leaves open, the answer may say.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from assay.tasks.math.exact import Number, number
from assay.tasks.math.normal import REMEMBERED
from assay.tasks.math.rules import Rules
from assay.tasks.math.tree import Node
from assay.tasks.math.units import conversion, is_unit, read_unit
from assay.tasks.math.words import canonical_word, choice_of, may_follow, may_precede, scale_of

NEAR = "≈"
"""Before a formula that another is only said to be about."""
RELATIVE = Fraction(1, 10**6)
"""A decimal may differ from an exact value by so much of it: 0.333333 is 1/3, 0.3333 is not."""
PHYSICS = Fraction(1, 100)
"""Relative error allowed where the gold is a measured or rounded quantity."""
COUNTS = Fraction(1, 500)
"""The same where the gold is a whole number and the answer a decimal."""

Leaf = Callable[[str, str], bool | None]

_AFTER = re.compile(r"(?P<core>.+?)(?P<words>(?:[*/]?‹[^‹›]*›(?:\^\{?-?[0-9]\}?)?)+)")
_BEFORE = re.compile(r"(?P<words>(?:‹[^‹›]*›)+)(?P<core>[^‹].*)")
_PLAIN_UNIT = re.compile(
    r"(?P<core>[-+]?[0-9][0-9.,/]*)(?P<unit>[A-Za-z]+(?:\^\{?[23]\}?)?(?:/[A-Za-z]+(?:\^\{?[23]\}?)?)?)"
)
_TRIGONOMETRIC = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)")
_SPAN = re.compile(r"([*/]?)‹([^‹›]*)›((?:\^\{?-?[0-9]\}?)?)")
_LETTERS = re.compile(r"[A-Za-z][A-Za-z' -]*")
_SYMBOLS = re.compile(r"[0-9=+*/^_<>|(){}\\\[\]-]")
_BASE = re.compile(r"\(?‹?([0-9A-F]+)›?\)?_\{?\(?‹?([0-9]{1,2})›?\)?\}?")
_ROOT = re.compile(r"\\sqrt(?=\{)")
_LETTER = re.compile(r"\\(?:pi|infty)(?![A-Za-z])|(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-5][0-9])(?:‹([AaPp])\.?\s*[Mm]\.?›)?")
_PLAIN_CHOICE = re.compile(r"\(?([A-J])[).:](?![0-9]*[a-z(]).*|‹([A-J])›(?!.*(?:;|‹[A-J]›)).*")
_DECIMAL_COMMA = re.compile(r"[-+]?[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})")


@dataclass(frozen=True, slots=True)
class Core:
    """A formula without its words: `scale` is what 'million' multiplies it by; None where the words say too much."""

    text: str
    unit: str = ""
    scale: Fraction = Fraction(1)
    choice: str | None = None


def same(gold: Node, answer: Node, leaf: Leaf, rules: Rules) -> bool | None:
    """Whether `answer` is `gold`; see the module's text."""
    if answer.kind == "equation" and answer.parts and gold.kind != "equation" and not gold.name:
        answer = answer.parts[0]  # m + n = 12 where 12 was asked for
    if answer.also and gold.kind != "equation":
        agree = all_true(leaf(answer.text, other) for other in answer.also)
        if agree is not True:
            return agree  # 6 = 5 names two values
    if gold.kind == "list" or answer.kind == "list":
        return _lists(gold, answer, leaf, rules)
    if gold.kind == "tuple" or answer.kind == "tuple":
        return _tuples(gold, answer, leaf, rules)
    if gold.kind == "interval" and answer.kind == "interval":
        named = _names_differ(gold.name, answer.name) or (not gold.name and len(_bare_name(answer.name or "x")) > 3)
        return all_true([gold.ends == answer.ends, not named, *_pairs(gold.parts, answer.parts, leaf, rules)])
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
    return False if any(map(is_simple, simple)) else None


def is_simple(text: str) -> bool:
    """Whether a formula is a number, a numeral in a base, a time of day or words: what the exact tier reads."""
    return (
        number(text) is not None or word_of(text) is not None or bool(_BASE.fullmatch(text) or _CLOCK.fullmatch(text))
    )


def is_readable(gold: Node) -> bool:
    """Whether a shape is surely mathematics: of numbers, words, and what is a number with a digit for each letter.

    Of others the deep tier has to say.
    """
    if gold.parts:
        return all(map(is_readable, gold.parts))
    core = core_of(gold.text)
    return is_simple(gold.text) or (
        core is not None and number(_LETTER.sub("1", _ROOT.sub("1*", core.text))) is not None
    )


def _names_differ(gold: str | None, answer: str | None) -> bool:
    """True for x = 1 and y = 1; False where one is not named."""
    return gold is not None and answer is not None and _bare_name(gold) != _bare_name(answer)


def _bare_name(name: str) -> str:
    return re.sub(r"\\(?:overline|overrightarrow|vec|hat|bar|angle)(?![A-Za-z])|[^A-Za-z0-9\\(,+*/^-]", "", name)


@lru_cache(maxsize=REMEMBERED)
def exact_leaf(gold: str, answer: str, rules: Rules) -> bool | None:
    """Two formulas by text, words, units and exact numbers; None where that does not decide."""
    if answer.startswith(NEAR):
        ours, theirs = number(gold), number(answer.removeprefix(NEAR))
        return None if ours is None or theirs is None else _close(ours.value, theirs.value, PHYSICS)
    cores = undressed(gold, answer)
    if isinstance(cores, bool):
        return cores
    ours, theirs = number(cores[0].text), number(cores[1].text)
    if ours is not None and theirs is not None:
        return equal_numbers(ours.times(cores[0].scale), theirs.times(cores[1].scale), rules)
    if cores[0].text == cores[1].text:
        return cores[0].scale == cores[1].scale
    ratios = cores[0].text.split(":"), cores[1].text.split(":")
    if 1 < len(ratios[0]) == len(ratios[1]):
        return _ratios(*ratios)
    return None


def undressed(gold: str, answer: str) -> bool | tuple[Core, Core]:
    """The two formulas without words and in one unit; or at once whether they are the same, where words decide."""
    if gold == answer:
        return True
    said = word_of(gold), word_of(answer)
    if None not in said:
        return said[0] == said[1]
    if any(each.startswith("‹") for each in (gold, answer)) and (gold.strip("‹›") + answer.strip("‹›")).isalpha():
        return canonical_word(gold.strip("‹›")) == canonical_word(answer.strip("‹›"))
    if _CLOCK.fullmatch(gold):
        return _clocks(gold, answer)
    if _BASE.fullmatch(gold):
        return _bases(gold, answer)
    if _DECIMAL_COMMA.fullmatch(answer) and "," not in gold and "." in gold:
        answer = answer.replace(",", ".")
    ours, theirs = core_of(gold), core_of(answer)
    if ours is not None and theirs is not None and bool(ours.unit) != bool(theirs.unit):  # 5 m beside 500 cm
        loose = [core_of(text, single=True) for text in (gold, answer)]
        if loose[0] and loose[1] and read_unit(loose[0].unit) and read_unit(loose[1].unit):
            ours, theirs = loose
    if said[0] is not None and len(said[0]) == 1 and said[0].isupper():  # a choice, or a variable
        match = _PLAIN_CHOICE.match(answer)
        if match is not None:
            return (match[1] or match[2]) == said[0]
    if gold.startswith("‹") and said[0] is not None and said[1] is None:
        return False  # words were asked for
    if ours is None or theirs is None:
        return False if ours is not None else (Core(gold), Core(answer))
    if ours.choice is not None and theirs.choice is not None and ours.choice != theirs.choice:
        return False
    if ours.choice is not None and said[1] is not None and len(said[1]) == 1:
        return ours.choice == said[1].upper()
    if _says(said[0]) != _says(said[1]) and _SYMBOLS.search(answer if _says(said[0]) else gold):
        return False  # words and a formula
    factor = conversion(ours.unit, theirs.unit)
    if factor is None:
        return False
    return ours, theirs if factor == 1 else replace(theirs, scale=theirs.scale * factor)


@lru_cache(maxsize=REMEMBERED)
def core_of(text: str, single: bool = False) -> Core | None:
    """A formula without the words before and after it; None where these cannot be left out.

    `single` takes one plain letter after a number, as in 5 m, for a unit rather than a variable.
    """
    unit, scale, choice = "", Fraction(1), None
    before = _BEFORE.fullmatch(text)
    if before is not None:
        text = before["core"]
        for _, word, _ in _SPAN.findall(before["words"]):
            letter = choice_of(word)
            if letter is not None and choice is None:
                choice = letter
            elif not may_precede(word):
                return None
            elif is_unit(word):
                unit = word
    after = _AFTER.fullmatch(text)
    if after is not None:
        text = after["core"].removesuffix("*")
        phrase = "".join(f"{sign} {word}{power} " for sign, word, power in _SPAN.findall(after["words"])).strip()
        phrase = f"°{phrase}" if text.endswith("°") and phrase in ("C", "F") else phrase
        scale, phrase = scale_of(phrase)
        if phrase and not may_follow(phrase) and not is_unit(phrase):
            return None
        unit = phrase or unit
    plain = _PLAIN_UNIT.fullmatch(text)
    if plain is not None:
        factor, rest = scale_of(plain["unit"])
        if factor != 1:
            text, scale = plain["core"], scale * factor
        elif (is_unit(plain["unit"]) and (single or len(plain["unit"]) > 1)) or (
            len(plain["unit"]) > 3 and may_follow(plain["unit"])
        ):
            text, unit = plain["core"], rest
    is_angle = len(text) > 1 and not _TRIGONOMETRIC.search(text)
    return Core(text.removesuffix("°") if is_angle else text, unit, scale, choice)


@lru_cache(maxsize=REMEMBERED)
def word_of(text: str) -> str | None:
    """The words that a formula consists of, in canonical form; of one letter the case counts. None for others."""
    if text.startswith("‹") and text.endswith("›") and "‹" not in text[1:]:
        return canonical_word(text[1:-1]) if len(text) > 3 else text[1:-1]
    if _LETTERS.fullmatch(text) and (len(text) == 1 or len(text) > 3):
        return canonical_word(text) if len(text) > 1 else text
    return text if text in (r"\emptyset", r"\infty", r"\mathbb{R}", r"\mathbb{Z}") else None


def _says(word: str | None) -> bool:
    """True for words of more letters than a product of variables has."""
    return word is not None and len(word) > 3 and not word.startswith("\\")


def equal_numbers(gold: Number, answer: Number, rules: Rules) -> bool:
    """Exactly equal, or as close as the rules allow where one of them is a decimal."""
    if gold.percent != answer.percent and rules.asks_percent:
        plain, written = (answer, gold) if gold.percent else (gold, answer)
        if plain.value == written.value * 100:
            return True
    if gold.value == answer.value:
        return True
    difference = abs(gold.value - answer.value)
    if rules.absolute_error is not None and difference <= rules.absolute_error:
        return True
    if rules.physics and gold.figures is not None:
        rounds = gold.figures >= 2 and gold.half_unit is not None and difference <= gold.half_unit
        return rounds or _close(gold.value, answer.value, PHYSICS)
    if rules.physics and answer.figures is not None:
        return _close(gold.value, answer.value, COUNTS)
    is_rounded = answer.figures is not None or gold.figures is not None
    is_whole = gold.value.denominator == 1 and gold.figures is None  # 1000000.5 is no rounding of 1000000
    return is_rounded and _close(gold.value, answer.value, RELATIVE) and (not is_whole or difference <= RELATIVE)


def _close(gold: Fraction, answer: Fraction, relative: Fraction) -> bool:
    return abs(gold - answer) <= relative * abs(gold)


def _clocks(gold: str, answer: str) -> bool:
    """Times of day: the same digits, and the same half of the day where both say one."""
    ours, theirs = _CLOCK.fullmatch(gold), _CLOCK.fullmatch(answer)
    if ours is None or theirs is None or (int(ours[1]), ours[2]) != (int(theirs[1]), theirs[2]):
        return False
    return not ours[3] or not theirs[3] or ours[3].lower() == theirs[3].lower()


def _bases(gold: str, answer: str) -> bool:
    """Numerals: the same digits in the same base, which the answer may leave unsaid."""
    ours, theirs = _BASE.fullmatch(gold), _BASE.fullmatch(answer)
    assert ours is not None
    digits = ours[1].lstrip("0")
    if theirs is not None:
        return theirs[1].lstrip("0") == digits and theirs[2] == ours[2]
    return answer.strip("‹›").lstrip("0") == digits


def _ratios(gold: Sequence[str], answer: Sequence[str]) -> bool | None:
    parts = [number(part) for part in (*gold, *answer)]
    values = [part.value for part in parts if part is not None]
    if len(values) < len(parts):
        return None
    ours, theirs = values[: len(gold)], values[len(gold) :]
    return all(a * theirs[0] == b * ours[0] for a, b in zip(ours, theirs, strict=True))
