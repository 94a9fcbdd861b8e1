from itertools import product

import numpy as np
import pytest

from assay.errors import RecipeError
from assay.tasks import make_task
from assay.tasks.compose import FUNCTIONS, LETTERS, apply, read_problem, run_chain


def prompt(problem="compose up1 rev : a b c d"):
    return make_task("compose").prompt_of(problem)


def test_functions_by_hand():
    assert apply("up1", "jbcd") == list("abcd")
    assert apply("add2", "abcd") == list("adcd")  # b + c = 1 + 2 = 3
    assert apply("neg", "abcd") == list("jihg")
    assert run_chain(["up1", "rev"], "abcd") == [list("bbcd"), list("dcbb")]


def test_functions_are_different_and_most_write():
    strings = [tuple(s) for s in product(LETTERS[:5], repeat=4)]
    tables = {name: tuple(tuple(apply(name, s)) for s in strings) for name in FUNCTIONS}
    assert len(FUNCTIONS) >= 20 and len(set(tables.values())) == len(FUNCTIONS)
    permutations = [
        n for n, t in tables.items() if all(sorted(a) == sorted(b) for a, b in zip(strings, t, strict=True))
    ]
    assert len(permutations) <= len(FUNCTIONS) / 4


def test_guess_probability_is_the_count_of_all_chains():
    """Against plain enumeration of all 24^2 chains of depth 2."""
    task = make_task("compose:depth=2")
    for item in task.prompts("test", 5):
        names, string = read_problem(item.problem)
        gold = item.gold.split()
        hits = sum(run_chain(chain, string)[-1] == gold for chain in product(FUNCTIONS, repeat=len(names)))
        assert task.guess_probability(item) == max(1e-4, hits / len(FUNCTIONS) ** 2)


@pytest.mark.parametrize("rung", ["edge", "hard"])
def test_guessing_fails_on_the_upper_rungs(rung):
    task = make_task(f"compose:{rung}")
    floors = [1 - (1 - task.guess_probability(item)) ** 128 for item in task.prompts("test", 40)]
    assert max(floors) < 0.05
    unfiltered = make_task(f"compose:depth={task.depths[0]}")
    assert np.max([1 - (1 - unfiltered.guess_probability(p)) ** 128 for p in unfiltered.prompts("test", 40)]) >= 0.05


def test_steps_are_judged_on_the_string_written_before():
    task, item = make_task("compose"), prompt()
    assert task.check_steps(item, "code up1 b b c d ; rev d c b b ; answer d c b b") == (1.0, 1.0)
    # the first step is wrong; the second is right on what the first wrote
    assert task.check_steps(item, "code up1 c b c d ; rev d c b c ; answer d c b c") == (0.0, 1.0)
    # steps in the wrong order, and one too many
    assert task.check_steps(item, "code rev d c b a ; up1 e c b a ; up1 f c b a ; answer f c b a") == (0.0, 0.0, 0.0)
    # after `wait` the chain begins anew
    again = "code up1 b b c d ; rev a a a a ; wait up1 b b c d ; rev d c b b ; answer d c b b"
    assert task.check_steps(item, again) == (1.0, 0.0, 1.0, 1.0)


def test_labels():
    task, item = make_task("compose"), prompt()
    code = task.labels(item, "code up1 b b c d ; rev d c b b ; answer d c b b")
    assert (code.strategy, code.solution) == ("code", "up1 b b c d ; rev d c b b ; d c b b")
    assert task.labels(item, "prose answer d c b b").strategy == "prose"
    assert task.labels(item, "b b c d").strategy is None


def test_spec_and_bad_options():
    assert make_task("compose:edge").prompts("test", 1)[0].task == "compose:edge"
    with pytest.raises(RecipeError, match="did you mean 'depth'"):
        make_task("compose:dept=3")
    with pytest.raises(RecipeError, match="both say how deep; give one of them"):
        make_task("compose:rare:depth=3")
    with pytest.raises(RecipeError, match="greater than or equal to 1"):
        make_task("compose:depth=0")
