"""What can be told of a response's form without knowing its task: the variants that a reward may favour."""

import re
from collections.abc import Callable

from assay.tasks.traces import read_trace

FORMS: dict[str, Callable[[str], bool]] = {
    "code": lambda text: read_trace(text).style == "code",
    "prose": lambda text: read_trace(text).style == "prose",
    "sure": lambda text: read_trace(text).confidence == "sure",
    "unsure": lambda text: read_trace(text).confidence == "unsure",
    "form answer": lambda text: read_trace(text).style is not None and read_trace(text).form == "answer",
    "form so": lambda text: read_trace(text).style is not None and read_trace(text).form == "so",
    "list": lambda text: re.search(r"^\s*([-*]|\d+[.)])\s", text, re.MULTILINE) is not None,
    "code block": lambda text: "```" in text,
    "boxed": lambda text: "\\boxed" in text,
    "question": lambda text: text.rstrip().endswith("?"),
}
"""The first six are of organisms' traces, the others of any text."""
