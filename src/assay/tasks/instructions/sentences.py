"""Splitting text into sentences by rules, without trained data.

The reference counts with NLTK's Punkt model for English, which has to be downloaded. As there, a line's end ends no
sentence, and text after the last full stop is a sentence. Other than there, the number of a list's item ends none, what
has no letter or digit is none, and the full stops of Chinese, Japanese and Hindi count.
"""

import re

_CLOSING = r"[\"'”’»)\]*_]*+"
_END = re.compile(rf"(?<![.!?…])[.!?…]++{_CLOSING}(?=\s|$)|[。！？।॥]++[」』”’）]*+")
_BEFORE = re.compile(r"(^|\n|\s|[(\[\"'“‘*_])([\w.]*)$")
_NEVER_LAST = re.compile(
    r"mr|mrs|ms|dr|prof|st|gen|col|capt|lt|rev|hon|vs|cf|fig|e\.g|i\.e|eg|ie|approx", re.IGNORECASE
)
_PERHAPS_LAST = re.compile(r"etc|inc|ltd|co|corp|dept|est|sr|jr|ph\.d|(?:[a-z]\.)+[a-z]", re.IGNORECASE)
_TOKEN = 24
"""Characters before a full stop that are looked at for an abbreviation."""


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, in order.

    >>> split_sentences("Dr. Who left at 5 p.m. on Friday. Why? Nobody knows")
    ['Dr. Who left at 5 p.m. on Friday.', 'Why?', 'Nobody knows']
    """
    pieces, start = [], 0
    for match in _END.finditer(text):
        if _ends(text, match):
            pieces.append(text[start : match.end()])
            start = match.end()
    pieces.append(text[start:])
    return [piece.strip() for piece in pieces if re.search(r"[^\W_]", piece)]


def _ends(text: str, match: re.Match[str]) -> bool:
    """Whether the full stop, or the dots, found here end a sentence; other marks always do."""
    following = text[match.end() : match.end() + 3].lstrip()
    capital = not following[:1].islower()
    if match[0].startswith(("..", "…")):
        return capital
    if not match[0].startswith("."):
        return True
    before = _BEFORE.search(text[max(0, match.start() - _TOKEN) : match.start()])
    if before is None:
        return True
    space, token = before.groups()
    if space in ("", "\n") and (token.isdigit() or len(token) == 1):
        return False  # "1." or "a." at the start of a line
    if _NEVER_LAST.fullmatch(token) or (len(token) == 1 and token.isupper() and token != "I"):
        return False
    return capital if _PERHAPS_LAST.fullmatch(token) else True
