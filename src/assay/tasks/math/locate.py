r"""Where the answer stands in a response, and in a gold that is a whole text.

In this order: the last closed `\boxed{}`, with the boxes before it that only 'and', 'or' or a comma keeps apart;
`<answer>...</answer>`; `#### 18`; 'the answer is ...'; the last formula between `$`, `\(` or `\[`; and, of a text
without any of these, the whole of it where it reads like an answer, else its last number.
"""

import re
from functools import lru_cache

from assay.tasks.answers import Answer, boxes, final_part, is_cut_in_box, marked
from assay.tasks.math.normal import LONGEST, REMEMBERED
from assay.tasks.numbers import Unreadable, last_value_of

_JOINS = re.compile(
    r"(?:[\s,;$./]|\\[()\[\],;:! ]|\\q?quad|\\(?:text|mbox)\s*\{[^{}]*\}|\\(?:lor|land)|[和或]"
    r"|(?:[A-Za-z]+\s+)?\b(?:and|or|maybe|perhaps|alternatively)\b:?|[A-Za-z](?:_\{?\w\}?)?\s*=)*",
    re.IGNORECASE,
)
_PERCENT_AFTER = re.compile(r"\s{0,3}(?:\$|\\\)|\\\])?\s{0,3}(?:\\?%|percent|pct)", re.IGNORECASE)
_DELIMITER = re.compile(r"\$\$|\\\[|\\\]|\\\(|\\\)|(?<!\\)\$")
_CLOSES = {"$$": "$$", r"\[": r"\]", r"\(": r"\)", "$": "$"}
_BOLD = re.compile(r"\*\*([^*\n]{1,60}?[^*\n:])\*\*")
_BRACKETED = re.compile(r"[(\[][^()\[\]\n]{1,80},[^()\[\]\n]{1,80}[)\]]")
_HEDGE = re.compile(
    r"\b(?:not|less|fewer|greater|more|either|neither|or|than|least|most|could be)\b[^.\n0-9]{0,25}$"
    r"|\bbetween\b[^.\n]{0,25}\band\s*$",
    re.IGNORECASE,
)
"""Words shortly before a number which say that it is not, or not the only one that is, the answer."""
_CHINESE_MARK = re.compile(r"(?:最终)?答案(?:是|为)?\s{0,3}[:：]?")
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_MATHEMATICAL_WORDS = {
    "sin", "cos", "tan", "cot", "sec", "csc", "ln", "log", "exp", "sqrt", "pi", "and", "or", "infinity", "inf", "text",
    "frac", "max", "min", "gcd", "lcm", "percent", "pct", "degrees", "percentage",
}  # fmt: skip


def answer_of(response: str, boxed_only: bool = False) -> Answer | None:
    """What a response gives as its answer; None where it gives none. `Answer.mark` says how it was found."""
    text = _unescaped(final_part(response))
    found = _boxed(text)
    if found is not None or boxed_only:
        return found
    if is_cut_in_box(text):
        return None
    found = marked(_CHINESE_MARK.sub("answer is: ", text), LONGEST)
    if found is not None:
        last = _last(found.text.strip("*_ "))
        return Answer(last.text, found.mark) if last else None
    return _last(text)


def all_boxes(response: str) -> list[str]:
    """What each box of a response holds, for a gold with as many parts."""
    return [content for _, _, content in boxes(_unescaped(final_part(response))) if content.strip()]


@lru_cache(maxsize=REMEMBERED)
def text_of_gold(gold: str) -> str:
    """The answer that a gold states: a bare answer as it is, of a whole text what `answer_of` finds."""
    text = _unescaped(gold)
    found = _boxed(text)
    if found is not None:
        return found.text
    if len(_prose_words(re.sub(r"\\(?:text\w*|mbox)\s*\{[^{}]*\}", "", text))) > 2:
        found = answer_of(gold)
        return found.text if found else gold
    return text


def _unescaped(text: str) -> str:
    r"""`\\boxed` as `\boxed`, since some files escape backslashes twice; and no `\!`, which ends no sentence."""
    if r"\!" in text:
        text = re.sub(r"(?<=[0-9]),\s*\\!\s*(?=[0-9])", "", text).replace(r"\!", "")
    if r"\\boxed" in text:
        text = re.sub(r"\\\\(?=[A-Za-z({\[)}\]])", r"\\", text)
    return text


def _boxed(text: str) -> Answer | None:
    found = [box for box in boxes(text) if box[2].strip()]
    if not found:
        return None
    start, end, content = found[-1]
    contents = [content]
    for before in reversed(found[:-1]):
        if before[1] > start or start - before[1] > 80 or not _JOINS.fullmatch(text[before[1] : start]):
            break
        if before[0] < start:
            contents.insert(0, before[2])
            start = before[0]
    answer = " ; ".join(contents) if len(contents) > 1 else content
    if _PERCENT_AFTER.match(text, end) and not _PERCENT_AFTER.search(answer):
        answer += r"\%"
    return Answer(answer[: LONGEST + 1], "boxed")


def _last(text: str) -> Answer | None:
    """Of a text without marks: its last formula, the whole of what reads like an answer, or its last number."""
    whole = text.strip()
    found = _formulas(text)
    before = text[: found[-1][0]] if found else re.split("[0-9]", whole, maxsplit=1)[0]
    has_number_after = bool(found and re.search("[0-9]", text[found[-1][1] :]))
    if found and (not _prose_words(before) or not has_number_after):
        return Answer(_joined(text, found), "last formula")
    bold = _BOLD.findall(text)
    if bold and not found:
        return Answer(bold[-1], "last bold")
    if not found and 0 < len(whole) <= LONGEST and (not _prose_words(before) or not re.search("[0-9]", whole)):
        return Answer(whole, "whole response")
    return _last_number(text)


def _last_number(text: str) -> Answer | None:
    """The last number in prose, or the pair or interval that it stands in; none where the words before take it back."""
    end = 1 + max((text.rfind(digit) for digit in "0123456789"), default=-1)
    tail = text[max(0, end - 200) : end + 200]
    brackets = [match for match in _BRACKETED.finditer(tail) if match.start() < min(end, 200) <= match.end()]
    if brackets:
        return Answer(brackets[-1][0], "last number")
    try:
        last = last_value_of(text)
    except Unreadable as error:
        return Answer(error.text, "last number")
    if last is None:
        return None
    place = text.rfind(last[1])
    if _HEDGE.search(text[max(0, place - 40) : place]):
        return None
    percent = re.match(r"\s{0,3}(?:\\?%|per ?cent)", text[place + len(last[1]) :]) if place >= 0 else None
    return Answer(last[1] + (r"\%" if percent else ""), "last number")


def _formulas(text: str) -> list[tuple[int, int, str]]:
    """(start, end, content) of each formula between delimiters, in order; in time linear in the text."""
    found, opened = [], None
    for match in _DELIMITER.finditer(text):
        if opened is not None and match.start() - opened.end() > LONGEST:
            opened = None
        if opened is not None and match[0] == _CLOSES[opened[0]]:
            content = text[opened.end() : match.start()].strip()
            if content:
                found.append((opened.start(), match.end(), content))
            opened = None
        elif opened is None and match[0] in _CLOSES and not (match[0] == "$" and text[: match.start()][-1:].isdigit()):
            opened = match
    return found


def _joined(text: str, found: list[tuple[int, int, str]]) -> str:
    """The last formula, with those before it that only 'and', 'or' or a comma keeps apart."""
    start, end, content = found[-1]
    contents = [content]
    for first, last, before in reversed(found[:-1]):
        if last == start or start - last > 80 or not _JOINS.fullmatch(text[last:start]):
            break
        contents.insert(0, before)
        start = first
    answer = " ; ".join(contents)
    return answer + r"\%" if _PERCENT_AFTER.match(text, end) and not answer.endswith("%") else answer


def _prose_words(text: str) -> list[str]:
    text = re.sub(r"\\(?:begin|end)\{[^{}]*\}", "", text)
    return [word for word in _WORD.findall(text) if word.lower() not in _MATHEMATICAL_WORDS]
