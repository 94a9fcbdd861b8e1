import numpy as np
import pytest

from assay.errors import RecipeError
from assay.rewards import combine, make_reward
from assay.types import Group, Prompt, Sample, Sampling, Stop, right, unknown, wrong

MASK = np.array([False, True, True])


def group(*scores):
    samples = tuple(
        Sample(0, m, np.array([5, 7, 2]), MASK, np.zeros(3), Sampling(), "p", Stop.EOS, "7", {"true": score})
        for m, score in enumerate(scores)
    )  # fmt: skip
    return Group(Prompt("t", "p", None, "train", text="5", columns={"hint": "h"}), samples)


def test_the_verifier_never_turns_unknown_into_wrong():
    assert make_reward("verifier")([group(right("j"), wrong("j", "r"), unknown("j", "r"))]) == [[1.0, 0.0, None]]


def test_what_no_part_scored_is_not_scored():
    assert combine([1.0, 0.5], [1.0, 2.0]) == 2.0
    assert combine([0.0, 0.0], [1.0, 1.0]) == 0
    assert combine([None, 0.8], [1.0, 1.0]) is None


def test_functions_in_trls_signature(monkeypatch, tmp_path):
    (tmp_path / "own_rewards.py").write_text(
        "def seen(prompts, completions, completion_ids, **columns):\n"
        "    return [len(i) if (p, c, h) == ('5', '7', 'h') else None\n"
        "            for p, c, i, h in zip(prompts, completions, completion_ids, columns['hint'])]\n"
        "def short(**_):\n    return []\n"
        "def broken(**_):\n    raise KeyError('solution')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    groups = [group(right("j"), right("j"))]
    assert make_reward("own_rewards:seen")(groups) == [[2.0, 2.0]]
    with pytest.raises(RecipeError, match="returned 0 values for 2 samples"):
        make_reward("own_rewards:short")(groups)
    with pytest.raises(
        RecipeError, match=r"own_rewards:broken: raised KeyError: 'solution' \(.*own_rewards.py, line 7\)"
    ):
        make_reward("own_rewards:broken")(groups)
    with pytest.raises(RecipeError, match="did you mean 'short'"):
        make_reward("own_rewards:shrt")
