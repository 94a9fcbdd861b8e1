r"""Taking the text of a gold apart: brackets, items, summands. Nothing is evaluated here."""

import re

BRACKETS = {"(": ")", "[": "]", "\\{": "\\}"}
"""What opens a tuple, interval or set, and what may close it; round and square ones mix in intervals."""

_DELIMITED = re.compile(r"\$([^$]*)\$")
_DEPTH = re.compile(r"\\[{}]|\\begin\{[a-z]+\}|\\end\{[a-z]+\}|[()\[\]{}]")
_NO_EXPRESSION = re.compile(
    r"[=<>,:%$;!|]|\\(?:pm|cup|in|text|textbf|mbox|le|ge|leq|geq|geqslant|neq|begin|[lc]?dots|circ|sum|int|lim|quad)(?![a-z])"
    r"|_\{?\d+\}?$|np\."
)
_CONSTANTS = re.compile(r"(?<![a-zA-Z\\])[cC](?![a-z])")
_OPENING = ("(", "[", "{", "\\{")
_SIDES = re.compile(r"\\(?:left|right|[bB]igg?[lr]?)\s*(?=[()\[\]|.]|\\[{}])")


def bare(gold: str) -> str | None:
    """The gold without `$`, also round each item of a list; None where the signs do not pair."""
    gold = gold.strip()
    if gold.count("$") - gold.count("\\$") == 0:
        return gold
    pieces = _DELIMITED.findall(gold)
    between = _DELIMITED.sub("", gold).replace(" ", "").rstrip(".")
    return ", ".join(piece.strip() for piece in pieces) if between == "," * (len(pieces) - 1) else None


def split(text: str, marks: str) -> list[tuple[str, str]]:
    """(mark before it, piece) of the pieces between those of `marks` that stand outside all brackets."""
    pieces: list[tuple[str, str]] = []
    depth, start, mark, at = 0, 0, "", 0
    while at < len(text):
        token = _DEPTH.match(text, at)
        if token:
            depth += 1 if token[0] in _OPENING or token[0].startswith("\\begin") else -1
            at = token.end()
            continue
        if depth == 0 and text[at] in marks:
            pieces.append((mark, text[start:at].strip()))
            start, mark = at + 1, text[at]
        at += 1
    return [*pieces, (mark, text[start:].strip())]


def items_of(text: str) -> list[str]:
    """The items between the outer commas."""
    return [piece for _, piece in split(text, ",")]


def summands(text: str) -> list[tuple[str, str]]:
    """(sign, term) for each summand; one pair where the text is no sum. A sign after `^`, `*` or `/` adds nothing."""
    pieces = split(text, "+-")
    if pieces[0] == ("", ""):
        pieces = pieces[1:]
    if any(not term or term[-1] in "^_*/=(," or term.endswith(("\\cdot", "\\times")) for _, term in pieces):
        return [("+", text)]
    return [(sign or "+", term) for sign, term in pieces]


def joined(terms: list[tuple[str, str]]) -> str:
    """The sum that `summands` takes apart."""
    (sign, first), *rest = terms
    return ("-" if sign == "-" else "") + first + "".join(f" {sign} {term}" for sign, term in rest)


def bracketed(text: str) -> tuple[str, list[str], str]:
    """(opening bracket, items, closing bracket) where one pair encloses the whole text; ("", [], "") otherwise."""
    text = _SIDES.sub("", text).strip()
    opening = next((mark for mark in BRACKETS if text.startswith(mark)), "")
    closing = next((mark for mark in BRACKETS.values() if text.endswith(mark)), "")
    inner = text[len(opening) : len(text) - len(closing)]
    mixed = {"(", "["} if opening in ("(", "[") else {"\\{"}
    if not opening or not closing or {**{value: key for key, value in BRACKETS.items()}}[closing] not in mixed:
        return "", [], ""
    if not _closes_last(text):
        return "", [], ""
    return opening, items_of(inner.strip()), closing


def is_interval(text: str) -> bool:
    """Whether the brackets can only be those of an interval: a square one, or an infinite end."""
    opening, items, closing = bracketed(text)
    return opening in ("(", "[") and len(items) == 2 and (opening == "[" or closing == "]" or "\\infty" in text)


def fraction_parts(text: str) -> tuple[str, str, str] | None:
    r"""(sign, numerator, denominator) where the whole text is one \frac{}{}, else None."""
    match = re.fullmatch(r"(-?)\s*\\[dt]?frac\s*(\{.*\})", text, re.DOTALL)
    if not match:
        return None
    groups, depth, start = [], 0, 0
    for at, char in enumerate(match[2]):
        if char == "{" and (depth := depth + 1) == 1:
            start = at + 1
        elif char == "}" and (depth := depth - 1) == 0:
            groups.append(match[2][start:at].strip())
        elif depth == 0 and char != "{" and not char.isspace():
            return None
    return (match[1], groups[0], groups[1]) if len(groups) == 2 else None


def is_expression(text: str) -> bool:
    """Whether the text stands for one quantity: no relation, list, words, set, or constant of integration in it."""
    if _NO_EXPRESSION.search(text) or _CONSTANTS.search(text) or not text.strip():
        return False
    return all(text.count(opening) == text.count(closing) for opening, closing in ("{}", "()", "[]"))


def _closes_last(text: str) -> bool:
    """Whether the first bracket closes at the end of the text."""
    depth = 0
    for match in _DEPTH.finditer(text):
        depth += 1 if match[0] in _OPENING or match[0].startswith("\\begin") else -1
        if depth == 0:
            return match.end() == len(text)
    return False
