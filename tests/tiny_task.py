"""A task for tests that need one and no more: say the word that follows the prompt's last one."""

from assay.errors import DataError
from assay.types import Labels, right, unknown, wrong
from tiny_models import tiny_prompt


class TinyTask:
    """`size` problems; RIGHT where the response starts with an even word, UNKNOWN where with one that 7 divides."""

    name = "tiny"
    judge = "tiny.exact@1"
    max_new_tokens = 12

    def __init__(self, size=6, spec="tiny"):
        self.count, self.spec = size, spec
        self.by_problem = {f"p{index}": tiny_prompt(index, 2 + index % 5) for index in range(size)}

    def size(self, split):
        return self.count

    def prompts(self, split, count=None, seed=0):
        return list(self.by_problem.values())[:count]

    def prompt_of(self, problem):
        if problem not in self.by_problem:
            raise DataError(f"there is no problem {problem!r}")
        return self.by_problem[problem]

    def verify(self, prompt, response):
        first = response.split(" ")[0].removeprefix("w")
        if not first.isdigit():
            return wrong(self.judge, "no answer")
        if int(first) % 7 == 0:
            return unknown(self.judge, "seven")
        return right(self.judge, first) if int(first) % 2 == 0 else wrong(self.judge, "odd", first)

    def labels(self, prompt, response):
        return Labels(strategy="long" if len(response.split()) > 6 else None)

    def guess_probability(self, prompt):
        return 0.25

    def checks(self):
        return []
