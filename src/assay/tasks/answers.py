"""Reading an answer out of a response: where it stands, and which number it names.

Where: the last closed `\\boxed{}`; else the last `<answer>` element; else the last line `#### 18`; else the last
`A: 18` or `the answer is 18`. What is marked must name one number, else it is unreadable: nothing is evaluated, so an
expression is no number. Without a mark `read_number` takes the last number of the text, `read_text` the whole of a
short one. The response is what follows the last `</think>`; an unclosed `<think>` leaves no answer.

Text is hostile: at most TAIL characters at the end of a response are read, a marked answer has at most MARKED, a number
at most `numbers.DIGITS`, and the patterns take time linear in them.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from assay.tasks.numbers import LONGEST, Unreadable, last_value_of, value_of

TAIL = 100_000
"""Characters at the end of a response that are read."""
MARKED = LONGEST
"""Characters of a marked answer; what is longer is no answer but prose."""

_BRACES = re.compile(r"\\{1,2}(?:boxed|fbox)\s*\{|\\.|[{}]", re.DOTALL)
_OPEN_BOX = re.compile(r"\\(?:boxed|fbox)\s*\{\s*[^}\s]")
_ANNOTATION = re.compile(r"<<[^<>\n]*(?:>>|$)")
_BEGINS_WITH_NUMBER = re.compile(r"[\s*_`($€£¥₹\\\[]*[-+−–]?[\s$€£¥₹\\(]*\.?[0-9]|[\s$]*\\[dtc]?frac")
_ENUMERATES = re.compile(r"\s*[0-9]+[.):]\s+[A-Za-z*]")
_HASHES = re.compile(r"####[ \t]*([^\n]*)")
_LINE = re.compile(r"^[ \t>*_]{0,8}A[*_]{0,2}[ \t]*:[*_]{0,2}\s*([^\n]*)", re.MULTILINE)
_SENTENCE = re.compile(r"\banswer\b[^\n.:=]{0,60}?(?:\bis\b|\bare\b|:|=)[:=*\s]*", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<!\\)[.!?;](?=\s|\*|$)|\n")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a response gives as its answer.

    `text` as written; `mark` how it was found: "boxed", "<answer>", "####", "A:", "answer is", "last number" or "whole
    response". After `read_number`, `value` is None where the text does not name exactly one number, and `problem` says
    why.
    """

    text: str
    mark: str
    value: Fraction | None = None
    problem: str | None = None


def read_number(response: str, boxed_only: bool = False) -> Answer | None:
    r"""The number that a response gives as its answer, or None where it gives none.

    >>> read_number("She sells 9 eggs.\nA: $18.00").value
    Fraction(18, 1)
    """
    text = _ANNOTATION.sub("", final_part(response))
    found = _boxed(text) if boxed_only else _marked(text, numeric=True)
    try:
        if found is not None:
            return Answer(found.text, found.mark, value_of(found.text))
        last = None if boxed_only else last_value_of(text)
    except Unreadable as error:
        if found is not None:
            return Answer(found.text, found.mark, problem=str(error))
        return Answer(error.text, "last number", problem=str(error))
    return None if last is None else Answer(last[1], "last number", last[0])


def read_text(response: str, longest: int = MARKED) -> Answer | None:
    """The text that a response gives as its answer: what is marked, else the whole of at most MARKED characters.

    Of what stands in a box or in `<answer>`, `longest` + 1 characters are kept.
    """
    text = final_part(response)
    whole = text.strip()
    found = _marked(text, numeric=False, longest=longest)
    if found is None and 0 < len(whole) <= MARKED:
        return Answer(whole, "whole response")
    return found


def final_part(response: str) -> str:
    """The end of a response, which can hold its answer: after the last `</think>`, and nothing inside `<think>`."""
    closed, opened = response.rfind("</think>"), response.rfind("<think>")
    if opened > closed:
        return ""
    return response[max(closed + len("</think>") if closed >= 0 else 0, len(response) - TAIL) :]


def last_boxed(text: str) -> str | None:
    r"""What the last `\boxed{}` or `\fbox{}` that is not empty holds, braces balanced; None without one.

    >>> last_boxed(r"\boxed{1} so \boxed{\frac{1}{2}}")
    '\\frac{1}{2}'
    """
    *_, last = [None, *(content for _, _, content in boxes(text) if content.strip())]
    return last


def boxes(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, content) of each closed box, in the order in which they close; a box within another closes first."""
    if "box" not in text:
        return
    open_braces: list[tuple[int, int] | None] = []  # where a box and its content start; None for any other brace
    for match in _BRACES.finditer(text):
        token = match.group()
        if token == "{":
            open_braces.append(None)
        elif token == "}":
            place = open_braces.pop() if open_braces else None
            if place is not None:
                yield place[0], match.end(), text[place[1] : match.start()]
        elif len(token) > 2:
            open_braces.append((match.start(), match.end()))


def canonical(value: Fraction) -> str:
    """One text for each number: '18', '-0.5', '1/3'.

    >>> canonical(Fraction("18.50"))
    '18.5'
    """
    rest, twos, fives = value.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if value.denominator == 1 or rest != 1:
        return str(value)
    places = max(twos, fives)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def gold_number(gold: Any) -> Fraction | None:
    """The number that a gold answer names: a number, or text whose part after the last `####` names one; else None."""
    if isinstance(gold, bool):
        return None
    if isinstance(gold, int):
        return Fraction(gold)
    if isinstance(gold, float):
        return Fraction(repr(gold)) if math.isfinite(gold) else None
    if not isinstance(gold, str | Decimal):
        return None
    try:
        return value_of(str(gold).rpartition("####")[2].strip())
    except Unreadable:
        return None


def is_cut_in_box(text: str) -> bool:
    """True where no box is closed and one is open: what stands in it may be half an answer."""
    return last_boxed(text) is None and bool(_OPEN_BOX.search(text))


def marked(text: str, longest: int) -> Answer | None:
    """The answer that `text` marks in another way than by a box, its first `longest` + 1 characters; None without."""
    found = _element(text, longest) or _hashed(text, numeric=False, longest=longest)
    return found or _said(text, numeric=False, longest=longest)


def _marked(text: str, numeric: bool, longest: int = MARKED) -> Answer | None:
    """The marked answer of `text`, or None; where `numeric`, other marks than a box and `<answer>` need a number."""
    return (
        _boxed(text, longest)
        or _element(text, longest)
        or _hashed(text, numeric, longest)
        or _said(text, numeric, longest)
    )


def _boxed(text: str, longest: int = MARKED) -> Answer | None:
    content = last_boxed(text)
    if content is None and _OPEN_BOX.search(text):
        return Answer("", "boxed")  # cut off inside its box: what stands there may be half a number
    return None if content is None else Answer(content[: longest + 1], "boxed")


def _element(text: str, longest: int = MARKED) -> Answer | None:
    end = text.rfind("</answer>")
    start = text.rfind("<answer>", 0, max(end, 0))
    content = text[start + len("<answer>") : end].strip() if start >= 0 else ""
    return Answer(content[: longest + 1], "<answer>") if content else None


def _hashed(text: str, numeric: bool, longest: int = MARKED) -> Answer | None:
    for match in reversed(list(_HASHES.finditer(text))):
        if _is_number(match[1]) if numeric else match[1].strip() and not text[match.end() :].strip():
            return Answer(match[1].strip()[: longest + 1], "####")
    return None


def _said(text: str, numeric: bool, longest: int = MARKED) -> Answer | None:
    """The later of the last line `A: ...` and the last sentence 'the answer is ...'."""
    found = [*_lines(text, numeric, longest), *_sentences(text, numeric, longest)]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _lines(text: str, numeric: bool, longest: int) -> Iterator[tuple[int, Answer]]:
    for match in reversed(list(_LINE.finditer(text))):
        if _is_number(match[1]) if numeric else match[1].strip():
            yield match.start(), Answer(_trimmed(match[1], longest), "A:")
            return


def _sentences(text: str, numeric: bool, longest: int) -> Iterator[tuple[int, Answer]]:
    for match in reversed(list(_SENTENCE.finditer(text))):
        clause = _SENTENCE_END.split(text[match.end() : match.end() + longest + 1], maxsplit=1)[0]
        if re.search("[0-9]", clause) if numeric else clause.strip(" *:"):
            yield match.start(), Answer(_trimmed(clause, longest), "answer is")
            return


def _is_number(text: str) -> bool:
    """True where `text` begins with a number that does not number a heading, as in '3. Add the eggs'."""
    start = text[:MARKED]
    return bool(_BEGINS_WITH_NUMBER.match(start)) and not _ENUMERATES.match(start)


def _trimmed(text: str, longest: int) -> str:
    return text.strip().rstrip("!?.;").strip()[: longest + 1]
