"""What a batch's numbers say of its verdicts, and what a run does with a reward that raises."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_resume import RECIPE, tiny_model

from assay.cli.main import run as assay
from assay.training.judging import batch_metrics
from assay.types import Group, Prompt, Sample, Sampling, Stop, right, unknown, wrong


def test_grading_rates_by_hand():
    """Ten responses in two seconds: two timeouts, a crash, a memory hog, an exception of the verifier, a bad gold."""
    reasons = ["timeout: killed after 5 s", "timeout", "crash: killed by signal 9", "memory: more than 2048 MiB"]
    reasons += ["verifier error: KeyError: 'x'", "the gold answer '?' is not one number"]
    scores = [right("j"), wrong("j", "timeout tells nothing here"), wrong("j", "no answer"), right("j")]
    scores += [unknown("j", reason) for reason in reasons]
    ids, mask = np.array([5, 7]), np.array([False, True])
    sample = Sample(0, 0, ids, mask, np.zeros(2), Sampling(), "p", Stop.EOS, "", {}, reward=1.0)
    samples = tuple(replace(sample, scores={"true": score}) for score in scores[:9])
    samples += (replace(sample, scores={"true": scores[9]}, reward=None),)
    found = batch_metrics([Group(Prompt("t", "p", None, "train", text="5"), samples)], grading_seconds=2.0)
    assert found["grading/throughput"] == 5 and found["grading/unknown_rate"] == 0.6
    assert found["grading/timeout_rate"] == 0.2 and found["grading/error_rate"] == 0.3
    assert found["rewards/true/mean"] == 0.5 and found["unknown"] == 6 and found["unscored"] == 1


def test_how_programs_end_by_hand():
    """Five were run: one passed, one was wrong, one ran out of time, two were killed. One held no program."""
    reasons = ["wrong: AssertionError", "timeout: more than 5 s", "killed: status 9", "killed: it answered nonsense"]
    scores = [right("code@1", tier="tests"), *(wrong("code@1", reason, tier="tests") for reason in reasons)]
    scores.append(wrong("code@1", "no answer: there is no code in it"))
    ids, mask = np.array([5, 7]), np.array([False, True])
    sample = Sample(0, 0, ids, mask, np.zeros(2), Sampling(), "p", Stop.EOS, "", {}, reward=1.0)
    groups = [
        Group(Prompt("t", "p", None, "train", text="5"), tuple(replace(sample, scores={"true": s}) for s in some))
        for some in (scores, scores[5:])
    ]
    found = {key: value for key, value in batch_metrics(groups[:1], 2.0).items() if key.startswith("programs/")}
    rates = {"wrong": 0.2, "exception": 0, "timeout": 0.2, "memory": 0, "killed": 0.4}
    assert found == {f"programs/{end}_rate": rate for end, rate in rates.items()}
    assert not any(key.startswith("programs/") for key in batch_metrics(groups[1:], 2.0))


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Trains a tiny model under a reward of rewards_of_tests; gives the exit code."""
    monkeypatch.syspath_prepend(__file__.rpartition("/")[0])
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(base=tiny_model(tmp_path / "base")))

    def run(function):
        reward = f'reward.functions=["verifier", "rewards_of_tests:{function}"]'
        return assay(["train", str(recipe), "--out", str(tmp_path / "run"), "--set", reward, "--set", "steps=3"])

    return run


def test_a_reward_that_raises_is_reported_once_counted_and_worth_nothing(train, tmp_path, capsys):
    assert train("breaks_later") == 0
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [row["rewards/breaks_later/errors"] for row in rows[:3]] == [0, 16, 16]
    assert [(row["reward"], row["rewards/breaks_later/mean"]) for row in rows[1:3]] == [(None, None)] * 2
    assert [row["unscored"] for row in rows[:3]] == [0, 16, 16]
    error = capsys.readouterr().err
    for text in (error, (tmp_path / "run" / "errors.txt").read_text()):
        assert text.count("Traceback") == text.count("breaks_later, step 1: raised ZeroDivisionError") == 1
        assert "return [1.0 / (1 - min(trainer_state.global_step, 1))" in text


def test_a_reward_that_always_raises_stops_the_run(train, tmp_path, capsys):
    assert train("broken") == 2
    error = capsys.readouterr().err
    assert error.count("Traceback") == 1 and 'return [columns["solution"]' in error
    last = error.strip().splitlines()[-1]
    assert last.startswith("assay: reward rewards_of_tests:broken: no sample of step 0 has a value: raised KeyError")
