"""Instructions about marks and forms: bullets, brackets, quotes, JSON."""

import re

from assay.tasks.instructions.arguments import Count, Text
from assay.tasks.json_text import read_json

OPTIONS = ("My answer is yes.", "My answer is no.", "My answer is maybe.")

_BULLET = re.compile(r"[*-][ \t]+(?=\S)")
_RULE = re.compile(r"[*\-_ \t]*")
_PLACEHOLDER = re.compile(r"\[([^\[\]\n]*)\]")
_HIGHLIGHT = re.compile(r"(\*{1,3})(?![\s*])[^*\n]*(?<!\s)\1(?!\*)")


def number_placeholders(response: str, num_placeholders: Count) -> bool:
    """At least so many placeholders as `[address]`; `[]` is none."""
    return sum(bool(inside.strip()) for inside in _PLACEHOLDER.findall(response)) >= num_placeholders


def postscript(response: str, postscript_marker: Text) -> bool:
    """The marker of a postscript occurs where no word goes on, in any case; `P. S.` is `P.S.`."""
    parts = (re.escape(part) for part in postscript_marker.strip().split("."))
    return re.search(r"(?<!\w)" + r"\.\s?".join(parts), response, re.IGNORECASE) is not None


def number_bullet_lists(response: str, num_bullets: Count) -> bool:
    """Exactly so many Markdown bullets: lines of `*` or `-`, white space and text; a rule as `* * *` is none."""
    return sum(_is_bullet(line) for line in response.split("\n")) == num_bullets


def constrained_response(response: str) -> bool:
    """Has one, and only one, of the three sentences: My answer is yes., My answer is no., My answer is maybe."""
    return sum(option in response for option in OPTIONS) == 1


def number_highlighted_sections(response: str, num_highlights: Count) -> bool:
    """At least so many parts in Markdown's emphasis, `*one*`, `**one**` or `***one***`; a bullet's mark opens none."""
    return len(_HIGHLIGHT.findall(response)) >= num_highlights


def json_format(response: str) -> bool:
    """The whole response is JSON, in a Markdown fence or without."""
    text = response.strip()
    if text.startswith("```") and text.endswith("```"):
        text = re.sub(r"^(?:json)?", "", text[3:-3], flags=re.IGNORECASE)
    try:
        read_json(text, unique_keys=False)
    except ValueError:
        return False
    return True


def title(response: str) -> bool:
    """A title as `<<poem of joy>>` on one line, with something in it."""
    for line in response.split("\n"):
        _, opened, rest = line.partition("<<")
        while opened:
            inside, closed, rest = rest.partition(">>")
            if closed and inside.strip("<> \t"):
                return True
            _, opened, rest = rest.partition("<<")
    return False


def quotation(response: str) -> bool:
    """Begins and ends with `"`."""
    text = response.strip()
    return len(text) > 1 and text.startswith('"') and text.endswith('"')


def no_comma(response: str) -> bool:
    """No comma."""
    return "," not in response


def _is_bullet(line: str) -> bool:
    line = line.strip()
    return _BULLET.match(line) is not None and _RULE.fullmatch(line) is None
