"""A task that the tests name as `tasks_of_controls:Altered`."""

from assay.tasks.compose import Compose
from assay.types import right, wrong


class Altered(Compose):
    """Compositions whose answers are read alike and judged by another gold: right where they begin with a to e."""

    def verify(self, prompt, response):
        score = super().verify(prompt, response)
        if score.answer is None:
            return score
        return right(self.judge, score.answer) if score.answer < "f" else wrong(self.judge, "another", score.answer)
