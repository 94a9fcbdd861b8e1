from assay.tasks import make_task
from assay.tasks.drawing import PromptDeck
from assay.tasks.splits import split_of
from assay.types import Prompt


class Rows:
    """Five rows."""

    spec = "rows"

    def size(self, split):
        return 5

    def prompts(self, split, count=None, seed=0):
        return [Prompt("rows", str(i), None, split, text=str(i)) for i in range(5)]


def test_rows_are_dealt_epoch_by_epoch():
    deck = PromptDeck(Rows(), seed=3)
    dealt = [p.problem for step in range(5) for p in deck.draw(step, 3)]
    assert [sorted(dealt[start : start + 5]) for start in (0, 5, 10)] == [["0", "1", "2", "3", "4"]] * 3
    assert dealt[:5] != dealt[5:10] or dealt[5:10] != dealt[10:15]
    assert [p.problem for p in PromptDeck(Rows(), seed=3).draw(2, 3)] == dealt[6:9]  # a step needs no history


def test_generated_prompts_are_new_each_step_and_never_held_out():
    deck = PromptDeck(make_task("compose:seen"), seed=0)
    first, second = deck.draw(0, 64), deck.draw(1, 64)
    assert not {p.problem for p in first} & {p.problem for p in second}
    assert all(split_of(p.problem) == "train" for p in first + second)
