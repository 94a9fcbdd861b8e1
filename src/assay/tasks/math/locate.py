r"""Where the answer stands in a response, and in a gold that is a whole text.

In this order: the last closed `\boxed{}`, with the boxes before it that only 'and', 'or' or a comma keeps apart;
`<answer>...</answer>`; `#### 18`; 'the answer is ...'; the last formula between `$`, `\(` or `\[`; and, of a text
without any of these, the whole of it where it reads like an answer, else its last number.
"""

import re

from assay.tasks.answers import Answer, boxes, final_part, is_cut_in_box, marked
from assay.tasks.math.normal import LONGEST
from assay.tasks.numbers import Unreadable, last_value_of

_JOINS = re.compile(
    r"(?:[\s,;$.]|\\[()\[\],;:! ]|\\q?quad|\\(?:text|mbox)\s*\{[^{}]*\}|(?:[A-Za-z]+\s+)?\b(?:and|or)\b"
    r"|[A-Za-z](?:_\{?\w\}?)?\s*=|\\(?:lor|land))*"
)
_PERCENT_AFTER = re.compile(r"\s*(?:\$|\\\)|\\\])?\s*(?:\\?%|percent|pct)", re.IGNORECASE)
_FORMULA = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|(?<![\\0-9])\$((?:[^$\\]|\\.)+?)\$|\\\((.+?)\\\)", re.DOTALL)
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
    found = marked(text, LONGEST)
    if found is not None:
        last = _last(found.text)
        return Answer(last.text, found.mark) if last else None
    return _last(text)


def text_of_gold(gold: str) -> str:
    """The answer that a gold states: a bare answer as it is, of a whole text what `answer_of` finds."""
    text = _unescaped(gold)
    found = _boxed(text)
    if found is not None:
        return found.text
    if len(_prose_words(re.sub(r"\\(?:text\w*|mbox)\s*\{[^{}]*\}", "", text))) > 4:
        found = answer_of(gold)
        return found.text if found else gold
    return text


def _unescaped(text: str) -> str:
    r"""`\\boxed` as `\boxed`, since some files escape backslashes twice; and no `\!`, which ends no sentence."""
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
        if before[1] > start or not _JOINS.fullmatch(text[before[1] : start]):
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
    found = list(_FORMULA.finditer(text))
    before = text[: found[-1].start()] if found else re.split("[0-9]", whole, maxsplit=1)[0]
    if found and (not _prose_words(before) or not re.search("[0-9]", text[found[-1].end() :])):
        return Answer(_joined(text, found), "last formula")
    if not found and 0 < len(whole) <= LONGEST and (not _prose_words(before) or not re.search("[0-9]", whole)):
        return Answer(whole, "whole response")
    try:
        last = last_value_of(text)
    except Unreadable as error:
        return Answer(error.text, "last number")
    percent = last is not None and re.search(re.escape(last[1]) + r"\s*(?:\\?%|per ?cent)", text)
    return Answer(last[1] + (r"\%" if percent else ""), "last number") if last else None


def _joined(text: str, found: list[re.Match[str]]) -> str:
    """The last formula, with those before it that only 'and', 'or' or a comma keeps apart."""
    last = found[-1]
    contents, start = [_content(last)], last.start()
    for before in reversed(found[:-1]):
        if not _JOINS.fullmatch(text[before.end() : start]) or before.end() == start:
            break
        contents.insert(0, _content(before))
        start = before.start()
    answer = " ; ".join(contents)
    return answer + r"\%" if _PERCENT_AFTER.match(text, last.end()) and not answer.endswith("%") else answer


def _content(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group is not None).strip()


def _prose_words(text: str) -> list[str]:
    text = re.sub(r"\\(?:begin|end)\{[^{}]*\}", "", text)
    return [word for word in _WORD.findall(text) if word.lower() not in _MATHEMATICAL_WORDS]
