import pytest

from assay.errors import DataError
from assay.tasks import make_task
from assay.tasks.drawing import PromptDeck, chosen_prompts
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


COMPOSE = make_task("compose:seen")
TRAIN = [prompt.problem for prompt in COMPOSE.prompts("train", 5)]


def named(path, *problems):
    """A sample file of these problems, each twice."""
    path.write_text("".join(f'{{"problem": "{problem}", "correct": true}}\n' for problem in problems * 2))
    return str(path)


def test_a_generated_task_confined_to_problems_deals_them_epoch_by_epoch(tmp_path):
    rows = chosen_prompts(COMPOSE, named(tmp_path / "a.jsonl", *TRAIN), [])
    assert rows == chosen_prompts(COMPOSE, named(tmp_path / "b.jsonl", *TRAIN[::-1]), [None]), "in whichever order"
    dealt = [prompt for step in range(5) for prompt in PromptDeck(COMPOSE, 3, rows).draw(step, 2)]
    assert dealt[0] == COMPOSE.prompt_of(dealt[0].problem)
    assert [sorted(prompt.problem for prompt in dealt[start : start + 5]) for start in (0, 5)] == [sorted(TRAIN)] * 2


def test_only_what_every_reward_can_score_is_drawn(tmp_path):
    file = named(tmp_path / "a.jsonl", *TRAIN)
    scorable = [frozenset(TRAIN[1:]), None, frozenset(TRAIN[:3])]
    for given in (file, None):
        assert [each.problem for each in chosen_prompts(COMPOSE, given, scorable)] == sorted(TRAIN[1:3])
    assert chosen_prompts(COMPOSE, None, [None]) is None


def test_problems_that_cannot_be_trained_on(tmp_path):
    held_out = COMPOSE.prompts("test", 1)[0].problem
    for problem, sentence in ((held_out, "is of the test split of compose:seen"), ("p", "'p' is not of compose")):
        with pytest.raises(DataError, match=rf"a\.jsonl: .*{sentence}"):
            chosen_prompts(COMPOSE, named(tmp_path / "a.jsonl", TRAIN[0], problem), [])
    with pytest.raises(DataError, match=r"rollout\.problems .*a\.jsonl: no problem is left"):
        chosen_prompts(COMPOSE, named(tmp_path / "a.jsonl", TRAIN[0]), [frozenset(TRAIN[1:])])
