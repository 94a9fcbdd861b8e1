"""Units of answers: which are the same, which convert, which are different things."""

import re
from fractions import Fraction

_SAME = {
    "m": "m meter meters metre metres", "cm": "cm centimeter centimeters centimetre centimetres",
    "mm": "mm millimeter millimeters millimetre millimetres", "km": "km kilometer kilometers kilometre kilometres",
    "in": "in inch inches", "ft": "ft foot feet", "yd": "yd yard yards", "mi": "mi mile miles",
    "s": "s sec secs second seconds", "min": "min mins minute minutes", "h": "h hr hrs hour hours", "day": "day days",
    "week": "week weeks", "year": "year years yr yrs", "g": "g gram grams", "kg": "kg kilogram kilograms",
    "lb": "lb lbs pound pounds", "oz": "oz ounce ounces", "L": "l liter liters litre litres",
    "mL": "ml milliliter milliliters", "dollar": "dollar dollars", "cent": "cent cents",
}  # fmt: skip
_NAMES = {alias: unit for unit, aliases in _SAME.items() for alias in aliases.split()}
_SIZES = {
    "length": {
        "mm": "1/1000", "cm": "1/100", "m": "1", "km": "1000", "in": "0.0254", "ft": "0.3048", "yd": "0.9144",
        "mi": "1609.344",
    },
    "time": {"s": "1", "min": "60", "h": "3600", "day": "86400", "week": "604800"},
    "mass": {"g": "1", "kg": "1000", "lb": "453.59237", "oz": "28.349523125"},
    "volume": {"L": "1000", "mL": "1"},
    "money": {"dollar": "100", "cent": "1"},
}  # fmt: skip
_SIZE = {unit: (kind, Fraction(size)) for kind, units in _SIZES.items() for unit, size in units.items()}
_POWER = re.compile(
    r"(?P<square>sq(?:uare)?\.?\s*|cu(?:bic)?\.?\s*)?(?P<name>[A-Za-z]+)\.?(?:\^?\{?(?P<power>[0-9])\}?)?(?:\s*squared|\s*cubed)?"
)


def conversion(gold: str, answer: str) -> Fraction | None:
    """What an answer's number is multiplied by to be in the gold's units; None where they measure different things.

    1 where either is no unit that is known: 'eggs' and 'hens' are words.

    >>> conversion("m", "cm")
    Fraction(1, 100)
    """
    ours, theirs = _read(gold), _read(answer)
    if ours is None or theirs is None or ours == theirs:
        return Fraction(1)
    (unit, power), (other, other_power) = ours, theirs
    size, other_size = _SIZE.get(unit), _SIZE.get(other)
    if size is None or other_size is None or size[0] != other_size[0] or power != other_power:
        return None
    return (other_size[1] / size[1]) ** power


def _read(text: str) -> tuple[str, int] | None:
    """'square cm', 'cm^2' and 'cm2' as ('cm', 2)."""
    match = _POWER.fullmatch(text.strip())
    if match is None:
        return None
    unit = _NAMES.get(match["name"].lower())
    power = int(match["power"] or 1)
    if match["square"]:
        power = 2 if match["square"].startswith("sq") else 3
    return None if unit is None else (unit, power)
