r"""Words in mathematical answers: what stands in \text{}, and which of it can be left out.

A word that says nothing about the value may be dropped (`12\text{ apples}`); one that changes it may not
(`\text{not }5`, `5\text{ or six}`), and `5\text{ million}` is another number.
"""

import re
from fractions import Fraction

from assay.tasks.math.units import is_unit

SCALES = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12}
NUMBERS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_TURNS = {
    "not", "no", "non", "minus", "negative", "plus", "least", "most", "more", "less", "fewer", "greater", "than",
    "between", "either", "neither", "or", "and", "but", "except", "half", "quarter", "third", "twice", "double", "mod",
    "modulo", "squared", "cubed", "hundredths", "tenths", "thousandths", "wrong", "incorrect", "false", "over", "above",
    "below", "under", "beyond", "maybe", "perhaps", "possibly", "possible", "if", "unless", "without", "never",
}  # fmt: skip
"""Words after a value that change it, or take it back."""
_BEFORE = re.compile(
    r"(?:(?:thus|so|hence|therefore),?\s*)?(?:(?:the\s+)?(?:final\s+)?(?:answer|value|result|total)(?:\s+is)?\s*[:=]?|"
    r"approximately|approx\.?|about|roughly|around|exactly|precisely|equals?)?",
    re.IGNORECASE,
)
_CHOICE = re.compile(r"(?:(?:option|choice|answer)\s*:?\s*)?\(?([A-J])\)?[.:]?", re.IGNORECASE)
_SAME = {
    "nosolution": r"\emptyset", "nosolutions": r"\emptyset", "norealsolution": r"\emptyset",
    "norealsolutions": r"\emptyset", "none": r"\emptyset", "emptyset": r"\emptyset", "theemptyset": r"\emptyset",
    "nosuchsolution": r"\emptyset", "dne": "doesnotexist", "limitdoesnotexist": "doesnotexist",
    "allrealnumbers": r"\mathbb{R}", "allreals": r"\mathbb{R}", "realnumbers": r"\mathbb{R}", "reals": r"\mathbb{R}",
    "allintegers": r"\mathbb{Z}", "integers": r"\mathbb{Z}", "infinity": r"\infty", "infinite": r"\infty",
    "infinitelymany": r"\infty", "t": "true", "f": "false",
}  # fmt: skip


def canonical_word(text: str) -> str:
    """One text for words that say the same: case, spaces and articles do not count.

    >>> canonical_word("An Ellipse")
    'ellipse'
    """
    word = " ".join(text.casefold().split()).strip(" .,;:!\"'")
    word = re.sub(r"^(?:an?|the)\s+(?=\w)", "", word)
    word = re.sub(r"[\s()]+", "", word)
    return _SAME.get(word, word) if len(word) > 1 else word


def choice_of(text: str) -> str | None:
    """The letter of a choice such as '(B)' or 'Option B'; None for other words."""
    match = _CHOICE.fullmatch(text.strip())
    return match[1].upper() if match and (match[1].isupper() or len(text.strip()) > 1) else None


def scale_of(text: str) -> tuple[Fraction, str]:
    """What a word after a number multiplies it by, and the rest: 'million dollars' is (1000000, 'dollars')."""
    first, _, rest = text.strip().partition(" ")
    scale = SCALES.get(first.lower().removesuffix("s"))
    return (Fraction(1), text.strip()) if scale is None else (Fraction(scale), rest.strip())


def may_precede(text: str) -> bool:
    """Whether words before a value can be dropped."""
    return bool(_BEFORE.fullmatch(text.strip())) or is_unit(text)


def may_follow(text: str) -> bool:
    """Whether words after a value can be dropped: a unit, or what is counted."""
    text = text.strip(" .,;:")
    if is_unit(text):
        return True
    tokens = re.sub(r"\([a-z]\)", "", text).replace("-", " ").split()
    if any(not re.fullmatch(r"[A-Za-z']+[.,]?", token) for token in tokens):
        return False
    words = [token.strip(".,").lower() for token in tokens]
    return not _TURNS & set(words) and all(
        len(word) > 2 or word in ("of", "in", "is", "a", "an", "to") for word in words
    )
