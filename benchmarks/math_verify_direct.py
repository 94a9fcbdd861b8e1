r"""math-verify as its authors give it, called on one pair; a worker process of `math_agreement.py` runs this.

Its defaults, but for its own timeouts, which use signals: the process that runs it is killed at a limit instead.
"""

import logging
from typing import Any

from math_verify import parse, verify

logging.disable(logging.CRITICAL)


def accepts(item: tuple[str, str, dict[str, Any]]) -> bool:
    """Whether math-verify takes the response for right. `item` is (gold in LaTeX delimiters, response, options)."""
    gold, response, options = item
    return bool(
        verify(
            parse(gold, parsing_timeout=None),
            parse(response, parsing_timeout=None),
            timeout_seconds=None,
            **options,
        )
    )
