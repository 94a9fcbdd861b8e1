"""What a question says about how its answer may be written."""

import re
from dataclasses import dataclass
from fractions import Fraction

_ASKS_PERCENT = re.compile(
    r"(?:what|how many|which)\s+(?:per\s?cent|\\?%)|(?:as|in)\s+(?:an?\s+)?per\s?cent"
    r"|\bper\s?cent(?:age)?\b[^.?!]*[.?!]?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """How one question's answers are to be judged.

    question     its text; where it asks for per cent, 50 and 50 % are the same
    boxed_only   an answer counts only in a box
    physics      the gold is measured or rounded: an answer that rounds to it, or is within 1 %, is right
    tolerance    absolute error allowed, a number as text such as "1e-2"
    judge        name and version written beside the score
    """

    question: str | None = None
    boxed_only: bool = False
    physics: bool = False
    tolerance: str | None = None
    judge: str = "math@1"

    @property
    def absolute_error(self) -> Fraction | None:
        """`tolerance` as a number."""
        return None if self.tolerance is None else Fraction(self.tolerance)

    @property
    def asks_percent(self) -> bool:
        """Whether the question asks for per cent: in its last sentence, or by 'what percent' or 'as a percent'."""
        return self.question is not None and bool(_ASKS_PERCENT.search(self.question))
