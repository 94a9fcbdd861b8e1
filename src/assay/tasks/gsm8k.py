r"""`gsm8k`: 8,792 grade-school word problems whose answer is one number (arXiv 2110.14168).

Rows have `question` and `answer`; the gold is what stands after the last `####` of the answer.
"""

from collections.abc import Iterator

from assay.tasks import About
from assay.tasks.answers import gold_number
from assay.tasks.near_misses import Case, number_cases
from assay.tasks.row_task import Hub, Options, RowTask
from assay.tasks.rows import Row
from assay.tasks.verifiers import grade_number
from assay.types import Prompt, Score, Verdict

__all__ = ["Gsm8k", "Options"]


class Gsm8k(RowTask):
    """Grade-school mathematics; see the module's text."""

    name = "gsm8k"
    judge = "gsm8k.exact@1"
    max_new_tokens = 512
    kind = "word problems"
    drop_repeats = False
    hub = Hub("openai/gsm8k", "main", train="train")
    about = About(
        what="grade-school word problems, the answer is one number",
        source=hub.id,
        licence="MIT",
        floor="none known",
        folder="gsm8k",
        rows={"train": 7473, "test": 1319},
    )

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if self.boxed_only:
            self.judge = "gsm8k.boxed@1"

    def question(self, row: Row) -> str:
        """The column `question`."""
        return row.text("question", "the text of a problem")

    def gold(self, row: Row) -> str:
        """What stands after the last `####` of the column `answer`."""
        return row.text("answer", "a solution that ends in '#### ' and a number").rpartition("####")[2].strip()

    def verify(self, prompt: Prompt, response: str) -> Score:
        """RIGHT where the answer read is the gold number; UNKNOWN where the gold is not one number."""
        return grade_number(self.judge, self.whole(response), prompt.gold, self.boxed_only)

    def cases(self, prompt: Prompt, others: list[str]) -> Iterator[Case]:
        """The reference solution, the gold in other forms, and near-misses made from it."""
        value = gold_number(prompt.gold)
        if value is None:
            yield rf"\boxed{{{prompt.gold}}}", Verdict.RIGHT, "gold in a box"
            return
        if not self.boxed_only:
            yield prompt.columns["answer"], Verdict.RIGHT, "reference solution"
        yield from number_cases(value, self.boxed_only)
