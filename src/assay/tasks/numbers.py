"""The one number that a short text names, exactly: signs, separators, currency, units, per cent, fractions, LaTeX.

Nothing is evaluated. A text that names two different numbers, or holds an operator, names none.
"""

import re
from fractions import Fraction

DIGITS = 100
"""Digits of a number; no answer needs more, and a longer one would cost time quadratic in its length."""
LONGEST = 200
"""Characters of a text that is read for its number."""


class Unreadable(ValueError):
    """A text that does not name exactly one number; the message says why, `text` is what was read."""

    def __init__(self, why: str, text: str) -> None:
        super().__init__(why)
        self.text = text


_INTEGER = re.compile(r"-?[0-9]{1,18}")
_SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PLAIN = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_RUN = r"(?:(?<![A-Za-z_0-9])[0-9]|(?<![A-Za-z_0-9.,])\.(?=[0-9]))[0-9.,]*"
_TERM = re.compile(
    rf"""(?:(?<![0-9A-Za-z)\]%.,])(?P<sign>[-+]))?  # after a digit, letter or bracket a minus subtracts
         (?P<currency>[$€£¥₹]\s*)?(?P<late_sign>(?<=[$€£¥₹])[-+])?
         (?:(?<![A-Za-z_0-9.,])(?P<whole>[0-9]{{1,9}})\s+(?=[0-9]{{1,9}}\s*/\s*[0-9]))?  # of a mixed number
         (?P<above>{_RUN})
         (?:\s*/\s*(?P<below>{_RUN}))?
         (?P<exponent>[eE][-+]?[0-9]{{1,2}}(?![0-9A-Za-z.]))?
         (?P<glued>_[0-9]|[eE][-+]?[0-9]|(?<=0)[xX][0-9A-Fa-f]|[kK](?![A-Za-z]))?
         (?:\s*(?P<scale>thousand|million|billion|trillion)s?\b)?""",
    re.VERBOSE,
)
_OPERATOR = re.compile(r"[+*^<>≤≥≠×÷·±√∞|!]|\\[A-Za-z]+|-\s*#")  # '#' stands for a number
_OPERAND_BEFORE = re.compile(r"[0-9)]\s*(?:[-*/+^×÷x]|\\times|\\cdot)$|[0-9]:$")
_OPERAND_AFTER = re.compile(r"=|[/+^×÷]\s*$")

_PART = r"(?:\{\s*([-+]?[0-9.,]+)\s*\}|([0-9]))"
_PLAINER = (
    (re.compile(r"[−–]"), "-"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\!\s*"), ""),
    (re.compile(r"≈|\\(?:approx|simeq)(?![A-Za-z])"), "="),
    (re.compile(r"\\[,;:\s]|\\q?quad\b|[~\u00a0\u2009\u202f]"), " "),
    (re.compile(rf"(?<=[0-9])\s*\\[dtc]?frac\s*{_PART}\s*{_PART}"), r" \1\2/\3\4 "),
    (re.compile(rf"\\[dtc]?frac\s*{_PART}\s*{_PART}"), r"\1\2/\3\4 "),
    (re.compile(r"\\(?:text|math)(?:normal|bf|it|rm|sf|tt)?(?![A-Za-z])"), ""),
    (re.compile(r"\\(?:mbox|boxed|fbox|left|right|displaystyle|operatorname|rm|bf)(?![A-Za-z])"), ""),
    (re.compile(r"\^\s*\{?\s*(?:\\circ|°)\s*\}?"), ""),
    (re.compile(r"(?<=[A-Za-z}])\s*\^\s*\{?[0-9]\}?"), ""),  # square metres
    (re.compile(r"\\([$%&#])"), r"\1"),
    (re.compile(r"\\[()\[\]]|\*\*|__|[`{}\"]"), " "),
    (re.compile(r"\b(?:USD|EUR|GBP|INR|US|Rs)\.?(?=\s*[$0-9])"), " "),
)
_IS_PLAIN = re.compile(r"[^\\{}^~*_`\"−–≈\u00a0\u2009\u202fURIEG]*")  # nothing that a pattern above changes
_SPACED = re.compile(r"(?<![0-9.,/])[1-9][0-9]{0,2}(?: [0-9]{3})+(?![0-9.,]*[0-9/])")


def value_of(text: str) -> Fraction:
    r"""The number that `text`, an answer, names. Raises Unreadable.

    >>> value_of(r"\$1{,}234.50 \text{ a day}")
    Fraction(2469, 2)

    Of an equation the last side counts, and no other side may name another number: 'x = 5' and '2 + 3 = 5' are 5,
    '6 = 5' is unreadable. Per cent signs and units are ignored; 'million' and its like multiply.
    """
    if _INTEGER.fullmatch(text):
        return Fraction(int(text))  # most answers: worth a short way
    if len(text) > LONGEST:
        raise Unreadable(f"longer than {LONGEST} characters", text[:LONGEST])
    *others, last = _plainer(text).split("=")
    value = _side(last, text)
    for other in others:
        try:
            agrees = _side(other, text) == value
        except Unreadable:
            continue  # an expression or a name, not a second answer
        if not agrees:
            raise Unreadable("names more than one number", text)
    return value


def last_value_of(text: str) -> tuple[Fraction, str] | None:
    """The last number in running text, and it as written; None without any number.

    Raises Unreadable where it is badly written, or part of a time of day, or of a sum or product rather than a result.
    """
    end = 1 + max(text.rfind(digit) for digit in "0123456789")
    if end == 0:
        return None
    window = _joined(_plainer(text[max(0, end - LONGEST) : end + 20]))
    terms = list(_TERM.finditer(window))
    if not terms:
        raise Unreadable("is part of a name or of a number too long to read", text[max(0, end - 20) : end])
    term = terms[-1]
    written = term.group().strip()
    if _OPERAND_BEFORE.search(window[: term.start()].rstrip()) or _OPERAND_AFTER.match(window[term.end() :].lstrip()):
        raise Unreadable("is part of a time, a ratio or an unfinished calculation", written)
    return _value(term), written


def _side(text: str, whole: str) -> Fraction:
    text = _joined(re.sub(r"^([-+])\s+", r"\1", text.strip(" \t\r\n*_")))
    values = {_value(term) for term in _TERM.finditer(text)}
    if _OPERATOR.search(_TERM.sub("#", text)):
        raise Unreadable("is an expression, not a number", whole)
    if len(values) != 1:
        raise Unreadable("names more than one number" if values else "names no number", whole)
    return values.pop()


def _value(term: re.Match[str]) -> Fraction:
    if term["glued"]:
        raise Unreadable("is not a number in plain notation", term.group())
    value = _parse(term["above"])
    if term["below"]:
        below = _parse(term["below"])
        if below == 0:
            raise Unreadable("divides by zero", term.group())
        value /= below
    if term["whole"]:
        value += int(term["whole"])
    if term["exponent"]:
        value *= Fraction(10) ** int(term["exponent"][1:])
    if term["scale"]:
        value *= _SCALES[term["scale"]]
    return -value if "-" in (term["sign"], term["late_sign"]) else value


def _parse(run: str) -> Fraction:
    run = run.rstrip(".,")
    if len(run) > DIGITS:
        raise Unreadable(f"has more than {DIGITS} digits", run[:20] + "...")
    if _GROUPED.fullmatch(run):
        return Fraction(run.replace(",", ""))
    if not _PLAIN.fullmatch(run):
        raise Unreadable("has its separators in the wrong places", run)
    return Fraction(run)


def _joined(text: str) -> str:
    """'1 000 000' as '1000000'."""
    return _SPACED.sub(lambda match: match[0].replace(" ", ""), text)


def _plainer(text: str) -> str:
    """`text` without the LaTeX and markdown that changes no number."""
    if _IS_PLAIN.fullmatch(text):
        return text
    for pattern, replacement in _PLAINER:
        text = pattern.sub(replacement, text)
    return text
