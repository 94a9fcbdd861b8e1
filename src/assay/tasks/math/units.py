"""Units of answers: which are the same, which convert, which are different things.

A unit is a factor and powers of base quantities: km/h is 1000/3600 and {length: 1, time: -1}.
"""

import re
from fractions import Fraction

Unit = tuple[Fraction, tuple[tuple[str, int], ...]]

_BASES = {
    "length": "m meter meters metre metres=1|in inch inches=0.0254|ft foot feet=0.3048|yd yard yards=0.9144|"
    "mi mile miles=1609.344|Å angstrom angstroms=1/10000000000",
    "time": "s sec secs second seconds=1|min mins minute minutes=60|h hr hrs hour hours=3600|day days=86400|"
    "week weeks=604800|month months=2629746|year years yr yrs=31556952",
    "mass": "g gram grams=1|lb lbs pound pounds=453.59237|oz ounce ounces=28.349523125|ton tons tonne tonnes=1000000",
    "money": "dollar dollars usd=100|cent cents=1",
    "euro": "euro euros eur=1",
    "kelvin": "K kelvin kelvins=1",
    "celsius": "°C=1",
    "fahrenheit": "°F=1",
    "amount": "mol mole moles=1",
    "current": "A amp amps ampere amperes=1",
    "angle": "rad radian radians=1",
}
_DERIVED: dict[str, tuple[int | Fraction, dict[str, int]]] = {
    "N newton newtons": (1000, {"length": 1, "mass": 1, "time": -2}),
    "J joule joules": (1000, {"length": 2, "mass": 1, "time": -2}),
    "erg ergs": (Fraction(1, 10**4), {"length": 2, "mass": 1, "time": -2}),
    "eV": (Fraction("1.602176634e-16"), {"length": 2, "mass": 1, "time": -2}),
    "W watt watts": (1000, {"length": 2, "mass": 1, "time": -3}),
    "Pa pascal pascals": (1000, {"length": -1, "mass": 1, "time": -2}),
    "Hz hertz": (1, {"time": -1}),
    "C coulomb coulombs": (1, {"current": 1, "time": 1}),
    "V volt volts": (1000, {"length": 2, "mass": 1, "time": -3, "current": -1}),
    "L l liter liters litre litres": (Fraction(1, 1000), {"length": 3}),
    "mph": (Fraction("0.44704"), {"length": 1, "time": -1}),
}
_PREFIXES = {"n": -9, "μ": -6, "u": -6, "m": -3, "c": -2, "k": 3, "M": 6, "G": 9}
_PREFIXED = ("m", "g", "s", "J", "N", "W", "Pa", "Hz", "eV", "V", "L", "l", "mol", "A", "C", "K")
_LONG_PREFIXES = {"nano": -9, "micro": -6, "milli": -3, "centi": -2, "kilo": 3, "mega": 6, "giga": 9}


def _table() -> dict[str, tuple[Fraction, dict[str, int]]]:
    table: dict[str, tuple[Fraction, dict[str, int]]] = {}
    for base, lines in _BASES.items():
        for line in lines.split("|"):
            names, _, size = line.partition("=")
            table |= {name: (Fraction(size), {base: 1}) for name in names.split()}
    for names, (factor, powers) in _DERIVED.items():
        table |= {name: (Fraction(factor), powers) for name in names.split()}
    long_names = [each for each in table if len(each) > 3 and each.isalpha()]
    for bases, prefixes in ((_PREFIXED, _PREFIXES), (long_names, _LONG_PREFIXES)):
        for name in bases:
            factor, powers = table[name]
            for prefix, power in prefixes.items():
                table.setdefault(prefix + name, (factor * Fraction(10) ** power, powers))
    return table


_TABLE = _table()
ONE = Fraction(1)
_GENERIC = re.compile(r"(?:square|sq\.?|cubic|cu\.?)?\s*units?(?:\s*(?:squared|cubed)|\^\{?[23]\}?)?", re.IGNORECASE)
_TOKEN = re.compile(
    r"(?P<power_word>square|sq\.?|cubic|cu\.?)?\s*(?P<name>[A-Za-zÅμ°]+)\.?\s*"
    r"(?:\^\s*\{?\s*(?P<power>-?[0-9])\s*\}?|(?P<digit>[23])(?![0-9])|(?P<after>squared|cubed))?",
    re.IGNORECASE,
)


def read_unit(text: str) -> Unit | None:
    """The unit that a text names; None for other words.

    >>> read_unit("km per hour") == read_unit("km/h")
    True
    """
    text = re.sub(r"\bper\b|/", " / ", text.strip(" .,")).replace("*", " ").replace("·", " ")
    factor, powers, sign = Fraction(1), dict[str, int](), 1
    place = 0
    while place < len(text):
        if text[place].isspace():
            place += 1
        elif text[place] == "/":
            sign, place = -1, place + 1
        else:
            match = _TOKEN.match(text, place)
            found = _lookup(match["name"]) if match else None
            if match is None or found is None:
                return None
            power = sign * _power(match)
            factor *= found[0] ** power
            for base, each in found[1].items():
                powers[base] = powers.get(base, 0) + each * power
            place = match.end()
    return (factor, tuple(sorted((base, power) for base, power in powers.items() if power))) if powers else None


def _lookup(name: str) -> tuple[Fraction, dict[str, int]] | None:
    return _TABLE.get(name) or _TABLE.get(name.lower() if len(name) > 2 else name)


def _power(match: re.Match[str]) -> int:
    if match["power"] or match["digit"]:
        return int(match["power"] or match["digit"])
    word = (match["power_word"] or match["after"] or "").lower()
    return 2 if word.startswith("sq") else 3 if word.startswith("cu") else 1


def is_unit(text: str) -> bool:
    """Whether a text is a unit that is known, or the word for one."""
    return bool(_GENERIC.fullmatch(text.strip())) or read_unit(text) is not None


def conversion(gold: str, answer: str) -> Fraction | None:
    """What an answer's number is multiplied by to be in the gold's units; None where they measure different things.

    1 where one is absent or says no more than 'units', and where neither is known: what is counted is taken on trust.

    >>> conversion("m", "cm")
    Fraction(1, 100)
    """
    if not gold or not answer:
        return ONE
    if any(not each.strip() or _GENERIC.fullmatch(each.strip()) for each in (gold, answer)):
        return ONE
    ours, theirs = read_unit(gold), read_unit(answer)
    if ours is None and theirs is None:
        return ONE
    if ours is None or theirs is None or ours[1] != theirs[1]:
        return None
    return theirs[0] / ours[0]
