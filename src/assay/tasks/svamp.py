r"""`svamp`: 1,000 one- and two-step word problems with varied wordings (arXiv 2103.07191).

Rows have `Body`, `Question` and `Answer`, a number. The problem is body and question; a body without a final mark gets
a full stop. Rows with `question` and `answer` instead are read as well.
"""

from collections.abc import Iterator
from fractions import Fraction

from assay.errors import DataError
from assay.tasks import About
from assay.tasks.answers import canonical, gold_number
from assay.tasks.near_misses import Case, number_cases
from assay.tasks.row_task import Hub, Options, RowTask
from assay.tasks.rows import Row
from assay.tasks.verifiers import grade_number
from assay.types import Prompt, Score

__all__ = ["Options", "Svamp"]


class Svamp(RowTask):
    """Word problems; see the module's text."""

    name = "svamp"
    judge = "svamp.exact@1"
    max_new_tokens = 512
    kind = "word problems"
    hub = Hub("ChilleD/SVAMP", train="train")
    about = About(
        what="word problems of one or two steps, the answer is one number",
        source=hub.id,
        licence="MIT",
        floor="none known",
        folder="svamp",
        rows={"train": 700, "test": 300},
    )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if self.boxed_only:
            self.judge = "svamp.boxed@1"

    def question(self, row: Row) -> str:
        """`Body` and `Question`, or `question`."""
        if "question" in row.values and "Body" not in row.values:
            return row.text("question", "the text of a problem")
        body = row.text("Body", "what the problem tells").strip()
        stop = "" if body[-1] in ".!?" else "."
        return f"{body}{stop} {row.text('Question', 'what the problem asks').strip()}"

    def gold(self, row: Row) -> str:
        """The number in `Answer`, or `answer`: 145.0 is '145'."""
        column = "answer" if "answer" in row.values and "Answer" not in row.values else "Answer"
        value = gold_number(row.get(column, "a number"))
        if value is None:
            raise DataError(f"{row.where}: column {column!r} holds {row.values[column]!r}; expected a number")
        return canonical(value)

    def verify(self, prompt: Prompt, response: str) -> Score:
        """RIGHT where the answer read is the gold number."""
        return grade_number(self.judge, self.whole(response), prompt.gold, self.boxed_only)

    def cases(self, prompt: Prompt, others: list[str]) -> Iterator[Case]:
        """The gold in several forms, and near-misses made from it."""
        return number_cases(Fraction(prompt.gold), self.boxed_only)
