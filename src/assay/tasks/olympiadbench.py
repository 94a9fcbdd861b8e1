r"""`olympiadbench`: 675 open-ended text problems of olympiads in English (arXiv 2402.14008, OE_TO_maths_en_COMP).

Rows have `question`, sometimes a `context` that stands before it, and `final_answer`, a list of texts. Their answers,
without `$`, separated by commas, are the gold: where `is_multiple_answer` is true a response must name them all, in any
order. `error` is the absolute error allowed, `unit` the unit that a response may give or leave out.
"""

from dataclasses import replace

from assay.errors import DataError
from assay.tasks import About
from assay.tasks.answers import gold_number
from assay.tasks.benchmarks import MathTask
from assay.tasks.math.grade import Rules
from assay.tasks.row_task import Hub, Options
from assay.tasks.rows import Row
from assay.types import Prompt

__all__ = ["OlympiadBench", "Options"]

MISPRINTS = {"t(0,4]": "(0,4]"}
"""Golds of the published file that no verifier could read, and what they mean."""


class OlympiadBench(MathTask):
    """Olympiad problems; see the module's text."""

    name = "olympiadbench"
    max_new_tokens = 3000
    hub = Hub("Hothan/OlympiadBench", "OE_TO_maths_en_COMP", test="train")
    about = About(
        what="olympiad problems, one or several answers",
        source=hub.id,
        licence="Apache-2.0",
        floor="none known",
        folder="olympiadbench",
        rows={"test": 674},
    )

    def question(self, row: Row) -> str:
        """`context`, where there is one, and `question`."""
        question = row.text("question", "the text of a problem")
        return f"{row.text('context', 'a text or null')}\n\n{question}" if row.values.get("context") else question

    def gold(self, row: Row) -> str:
        """The texts of `final_answer`, without `$`, separated by commas."""
        expected = "a list of answers, each a text"
        answers = row.get("final_answer", expected)
        if not isinstance(answers, list) or not answers or not all(isinstance(each, str) for each in answers):
            raise DataError(f"{row.where}: column 'final_answer' holds {answers!r}; expected {expected}")
        if row.values.get("error") and gold_number(row.values["error"]) is None:
            raise DataError(f"{row.where}: column 'error' holds {row.values['error']!r}; expected a number or null")
        texts = (each.replace("$", "").strip().rstrip(".") for each in answers)
        return ", ".join(MISPRINTS.get(text, text) for text in texts)

    def several(self, prompt: Prompt) -> bool:
        """What `is_multiple_answer` says."""
        return bool(prompt.columns.get("is_multiple_answer"))

    def rules(self, prompt: Prompt) -> Rules:
        """The absolute error that `error` allows, beside what holds for all."""
        error = prompt.columns.get("error")
        return replace(super().rules(prompt), tolerance=str(error) if error else None)
