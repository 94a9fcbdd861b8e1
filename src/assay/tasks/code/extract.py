r"""Reading a program out of a response: which part of it is code, and what of the prompt belongs before it.

The rule, in this order (docs/code.md):

1. What follows the last `</think>` is read; an unclosed `<think>` leaves no program.
2. Where fenced blocks are closed: the last Python block that defines the entry point, else the last Python block, else
   the last block. Python blocks are those marked `python`, `py`, `python3` or not at all. A fence that is not closed
   was cut off: its block is never read.
3. Else what stands before the first fence. Where it begins indented and the prompt is the head of a function, it
   continues the prompt. Else the code begins at the first line that begins a definition or an import in column 0, and
   it must define the entry point. Code ends where a line in column 0 is no code.
4. Else there is no program.

A program that does not continue the prompt gets what the prompt has before its function: imports and helpers.

Text is hostile: nothing is run here, at most `answers.TAIL` characters are read, and at most TRIES parses are made.
"""

import ast
import re
import warnings
from collections.abc import Iterator

from assay.tasks.answers import final_part

TRIES = 4
"""Times that code is cut at the line where the parser stumbles, before it is taken as it is."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)[^\n`]*")
_BEGINS_CODE = re.compile(
    r"(?:async[ \t]+)?def[ \t]+\w+[ \t]*\(|class[ \t]+\w+[ \t]*[(:]|@\w"
    r"|import[ \t]+\w[\w., \t]*$|from[ \t]+[\w.]+[ \t]+import\b"
)
_PYTHON = ("python", "py", "python3", "")
_UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


def program_of(response: str, entry_point: str = "", head: str = "") -> str | None:
    """The program that a response gives, or None where it gives none.

    `entry_point` is the function that tests call; "" where the program is a script. `head` is the prompt where that is
    the beginning of a program, up to the body of the entry point.

    >>> program_of("Sure:\\n```python\\ndef f(x):\\n    return x\\n```", "f")
    'def f(x):\\n    return x\\n'
    >>> program_of("    return x\\n\\nSo it is.", "f", "def f(x):\\n")
    'def f(x):\\n    return x\\n'
    """
    head = f"{head}\n" if head and not head.endswith("\n") else head
    text = final_part(response)
    blocks, before = _blocks(text)
    if blocks:
        return _with_head(_chosen(blocks, entry_point), entry_point, head)
    if not entry_point:
        return before if before.strip() and parsed(before) is not None else None
    continued = _longest(head, before) if head and _is_indented(before) else None
    if continued is not None and parsed(continued) is not None:
        return continued
    lines = before.splitlines(keepends=True)
    start = next((number for number, line in enumerate(lines) if _BEGINS_CODE.match(line)), len(lines))
    code = _longest("", "".join(lines[start:]))
    return _with_head(code, entry_point, head) if _defines(code, entry_point) else continued


def parsed(program: str) -> ast.Module | None:
    """Its syntax tree, or None where it is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escape sequences in the text of a model
            return ast.parse(program)
    except _UNPARSABLE:
        return None


def before_function(head: str, entry_point: str) -> str:
    """What `head` has before the last definition of the entry point: imports and helpers."""
    *_, last = [None, *_definitions(head, entry_point)]
    return head[: last.start()] if last else ""


def _blocks(text: str) -> tuple[list[tuple[bool, str]], str]:
    """(is it Python, its text) of each closed fenced block, and what stands before the first fence."""
    blocks: list[tuple[bool, str]] = []
    before: str | None = None
    mark, is_python, start, place = "", False, 0, 0
    for line in text.splitlines(keepends=True):
        fence = _FENCE.fullmatch(line.rstrip())
        if fence and not mark:
            before = text[:place] if before is None else before
            mark, is_python, start = fence[1], fence[2].lower() in _PYTHON, place + len(line)
        elif fence and fence[1][0] == mark[0] and len(fence[1]) >= len(mark) and not fence[2]:
            blocks.append((is_python, text[start:place]))
            mark = ""
        place += len(line)
    return blocks, text if before is None else before


def _chosen(blocks: list[tuple[bool, str]], entry_point: str) -> str:
    python = [text for is_python, text in blocks if is_python]
    defining = [text for text in python if entry_point and _defines(text, entry_point)]
    return (defining or python or [text for _, text in blocks])[-1]


def _with_head(code: str, entry_point: str, head: str) -> str:
    """The code, after what the prompt has before its function or, where it is a body, after all of the prompt."""
    if head and _is_indented(code) and not _defines(code, entry_point):
        return head + code
    helpers = before_function(head, entry_point)
    return f"{helpers}\n{code}" if helpers.strip() else code


def _longest(head: str, code: str) -> str:
    """`head` and the longest beginning of `code` found to be Python, cut before lines in column 0.

    Where no cut helps, the code up to the second line in column 0 of the whole: what is wrong with it is for the
    interpreter to say.
    """
    lines = code.splitlines(keepends=True)
    cuts = [number for number, line in enumerate(lines) if line[:1].strip() and number]
    end, offset = len(lines), head.count("\n")
    for _ in range(TRIES):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ast.parse(head + "".join(lines[:end]))
            return head + "".join(lines[:end])
        except SyntaxError as error:
            stumbled = (error.lineno or 1) - offset
        except _UNPARSABLE:
            stumbled = 0
        earlier = [number for number in cuts if number < end and number < stumbled]
        if not earlier:
            break
        end = earlier[-1]
    first = next(iter(cuts), len(lines))
    return head + "".join(lines[:first])


def _is_indented(text: str) -> bool:
    """Whether its first line that is not blank begins with white space."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return first[:1].isspace()


def _defines(code: str, entry_point: str) -> bool:
    return next(_definitions(code, entry_point), None) is not None


def _definitions(code: str, entry_point: str) -> Iterator[re.Match[str]]:
    name = re.escape(entry_point)
    return re.finditer(
        rf"^(?:(?:async[ \t]+)?def[ \t]+|class[ \t]+){name}\b|^{name}[ \t]*(?::[^\n=]*)?=(?!=)", code, re.M
    )
