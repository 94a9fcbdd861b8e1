"""The grammar that the traces of all in-house tasks share; what a trace is about stands in each task's module.

    STYLE [given ;] work [wait work]... [sure | unsure] FORM answer

    code up1 b b c d ; rev d c b a ; wait up1 b b c d ; rev d c b b ; sure answer d c b b

STYLE is `code` (each step with its result) or `prose` (no work at all). FORM is `answer`, or `so`, which no verifier
reads. docs/decisions/0005-grammar.md says what is frozen.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assay.types import Labels

STYLES = ("code", "prose")
WAIT = "wait"
CONFIDENCE = ("sure", "unsure")
READABLE, UNREADABLE = "answer", "so"


@dataclass(frozen=True, slots=True)
class Trace:
    """What can be read off a response without knowing its task; None where a word is not there.

    `attempts` are the texts between `wait`s, before the first answer and without style and confidence.
    """

    style: str | None
    attempts: tuple[str, ...]
    confidence: str | None
    form: str | None


def read_trace(response: str) -> Trace:
    """The parts of a response. Any text has some: at least one attempt, perhaps empty."""
    words = response.split()
    forms = [word for word in words if word in (READABLE, UNREADABLE)]
    work = words[: words.index(forms[0])] if forms else words
    style = work[0] if work and work[0] in STYLES else None
    confidence = work[-1] if work and work[-1] in CONFIDENCE else None
    inner = work[style is not None : len(work) - (confidence is not None)]
    attempts: list[list[str]] = [[]]
    for word in inner:
        if word == WAIT:
            attempts.append([])
        else:
            attempts[-1].append(word)
    texts = tuple(" ".join(attempt) for attempt in attempts)
    return Trace(style, texts, confidence, (READABLE if READABLE in forms else UNREADABLE) if forms else None)


def read_labels(response: str, solution: str | None, is_right: Callable[[str], bool]) -> Labels:
    """The labels of a response; only the solution where it is no trace. `is_right` judges an attempt's text."""
    trace = read_trace(response)
    if trace.style is None:
        return Labels(solution)
    is_whole = trace.style == "code" and trace.form is not None  # a response cut short has no last attempt
    again = reflection(trace.attempts, is_right) if is_whole and len(trace.attempts) > 1 else None
    return Labels(solution, trace.style, again, trace.confidence, trace.form)


def reflection(attempts: Sequence[str], is_right: Callable[[str], bool]) -> str:
    """What trying again did.

    "confirm": right first and last; "repair": wrong first, right last; "break": right first, wrong last; "loop": wrong
    first and last, and the last attempt is the one before it word for word; "miss": wrong first and last otherwise.
    """
    first, last = is_right(attempts[0]), is_right(attempts[-1])
    if last:
        return "confirm" if first else "repair"
    if first:
        return "break"
    return "loop" if attempts[-1] == attempts[-2] else "miss"


def piece_ends(work: str, between: re.Pattern[str], is_step: Callable[[str], bool]) -> tuple[int, ...]:
    """The place in `work` just after each piece that is a step, where `between` matches what stands between pieces.

    >>> piece_ends("a 1 ; b ; a 2", re.compile(";"), lambda piece: piece.startswith("a"))
    (3, 13)
    """
    marks = [match.span() for match in between.finditer(work)]
    starts, ends = [0, *(end for _, end in marks)], [*(start for start, _ in marks), len(work)]
    pieces = [(work[start:end], start) for start, end in zip(starts, ends, strict=True)]
    return tuple(start + len(piece.rstrip()) for piece, start in pieces if is_step(piece))
