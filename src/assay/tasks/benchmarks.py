r"""The mathematics benchmarks: one class reads their rows and calls the verifier `assay.tasks.math`, one names each.

A row has the problem in `problem` or `question` and its gold in `answer`, else in the last `\boxed{}` of `solution`.
"""

from collections.abc import Iterator, Sequence

from assay.errors import DataError
from assay.tasks import About
from assay.tasks.answers import canonical, gold_number, last_boxed
from assay.tasks.math.cases import math_cases
from assay.tasks.math.grade import Rules, grade, grade_many, same_answers
from assay.tasks.near_misses import Case
from assay.tasks.row_task import Hub, Options, RowTask
from assay.tasks.rows import Row
from assay.types import Prompt, Score, Verdict

__all__ = ["Aime24", "Aime25", "Amc23", "Math", "Math500", "MathTask", "Minerva", "Options"]


class MathTask(RowTask):
    """A benchmark whose answers the mathematics verifier judges."""

    max_new_tokens = 2048
    judge = "math@1"
    physics = False
    """Golds are rounded to their significant figures."""
    integers = False
    """Golds must be whole numbers; 27.0 is '27'."""

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        if self.boxed_only:
            self.judge = "math.boxed@1"

    def question(self, row: Row) -> str:
        """`problem`, or `question`."""
        return row.text_of(("problem", "question"), "the text of a problem")

    def gold(self, row: Row) -> str:
        r"""`answer` as text, or what the last `\boxed{}` of `solution` holds."""
        if "answer" in row.values or "solution" not in row.values:
            value = row.get("answer", r"a gold answer, or a column 'solution' with the answer in \boxed{}")
        else:
            value = last_boxed(row.text("solution", r"a solution with the answer in \boxed{}"))
            if value is None:
                raise DataError(rf"{row.where}: column 'solution' holds no \boxed{{}}; expected the answer in one")
        if isinstance(value, str) and not self.integers:
            return value.strip()
        number = gold_number(value)
        if number is None or (self.integers and number.denominator != 1):
            expected = "a whole number" if self.integers else "text or a number"
            raise DataError(f"{row.where}: the gold answer is {value!r}; expected {expected}")
        return canonical(number)

    def rules(self, prompt: Prompt) -> Rules:
        """What the verifier must know of this problem."""
        question = self.question(Row(prompt.problem, prompt.columns))
        return Rules(question=question, boxed_only=self.boxed_only, physics=self.physics, judge=self.judge)

    def verify(self, prompt: Prompt, response: str) -> Score:
        """What the mathematics verifier says; UNKNOWN where the gold cannot be read."""
        return grade(self.whole(response), prompt.gold, self.rules(prompt))

    def verify_many(self, pairs: Sequence[tuple[Prompt, str]]) -> list[Score]:
        """The scores of `verify`, side by side."""
        return grade_many([(self.whole(response), prompt.gold, self.rules(prompt)) for prompt, response in pairs])

    def same_answers(self, prompt: Prompt, answer: str, others: Sequence[str]) -> list[bool]:
        """Which of the others the verifier would accept if `answer` were the gold one."""
        return same_answers(answer, others, self.rules(prompt))

    def cases(self, prompt: Prompt, others: list[str]) -> Iterator[Case]:
        """The gold in equivalent forms, near-misses, and golds of other problems."""
        rounded = self.physics or self.rules(prompt).tolerance is not None
        unordered = self.several(prompt)
        for response, verdict, why in math_cases(prompt.gold, others, unordered=unordered, rounded=rounded):
            unread = self.boxed_only and r"\boxed" not in response
            yield response, Verdict.WRONG if unread else verdict, why

    def several(self, prompt: Prompt) -> bool:
        """Whether the gold is a list of answers, in any order."""
        return False


class Math(MathTask):
    """MATH (arXiv 2103.03874): 12,500 problems of American competitions."""

    name = "math"
    hub = Hub("DigitalLearningGmbH/MATH-lighteval", "default", train="train")
    about = About(
        what="competition problems of seven subjects",
        source=hub.id,
        licence="MIT",
        floor="none known",
        folder="math",
        rows={"train": 7500, "test": 5000},
    )


class Math500(MathTask):
    """MATH-500: the 500 test problems of MATH that arXiv 2305.20050 held out."""

    name = "math500"
    hub = Hub("HuggingFaceH4/MATH-500")
    about = About(
        what="500 test problems of MATH",
        source=hub.id,
        licence="MIT",
        floor="none known",
        folder="math500",
        rows={"test": 500},
    )


class Minerva(MathTask):
    """Minerva's problems from MIT courses (OCWCourses, arXiv 2206.14858); many golds are rounded magnitudes."""

    name = "minerva"
    physics = True
    hub = Hub("math-ai/minervamath")
    about = About(
        what="physics, chemistry and mathematics of MIT courses",
        source=hub.id,
        licence="not stated",
        floor="none known",
        folder="minerva_math",
        rows={"test": 272},
    )


class Aime(MathTask):
    """A year of the American Invitational Mathematics Examination: every answer is a whole number from 0 to 999."""

    max_new_tokens = 3000
    integers = True

    def guess_probability(self, prompt: Prompt) -> float:
        """1/1000: the examination's answer format."""
        return 1 / 1000


class Aime24(Aime):
    """AIME I and II of 2024."""

    name = "aime24"
    hub = Hub("HuggingFaceH4/aime_2024", test="train")
    about = About(
        what="AIME I and II of 2024",
        source=hub.id,
        licence="not stated",
        floor="1/1000",
        folder="aime24",
        rows={"test": 30},
    )


class Aime25(Aime):
    """AIME I and II of 2025."""

    name = "aime25"
    hub = Hub("math-ai/aime25")
    about = About(
        what="AIME I and II of 2025",
        source=hub.id,
        licence="Apache-2.0",
        floor="1/1000",
        folder="aime25",
        rows={"test": 30},
    )


class Amc23(MathTask):
    """Problems of AMC 12 of 2023 whose answer is a whole number, without their choices."""

    name = "amc23"
    max_new_tokens = 3000
    integers = True
    hub = Hub("math-ai/amc23")
    about = About(
        what="AMC 12 of 2023, without the choices",
        source=hub.id,
        licence="not stated",
        floor="none known",
        folder="amc23",
        rows={"test": 40},
    )
