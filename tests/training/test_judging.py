"""What a batch's numbers say of its verdicts, and what a run does with a reward that raises."""

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
from test_resume import RECIPE, tiny_model

from assay.cli.main import run as assay
from assay.store import Run
from assay.training.alarm import killed_alarm
from assay.training.judging import batch_metrics
from assay.training.rl import record, reporting
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


def group_of(scores):
    ids, mask = np.array([5, 7]), np.array([False, True])
    sample = Sample(0, 0, ids, mask, np.zeros(2), Sampling(), "p", Stop.EOS, "", {}, reward=1.0)
    samples = tuple(replace(sample, scores={"true": score}) for score in scores)
    return Group(Prompt("t", "p", None, "train", text="5"), samples)


def test_how_programs_ended_by_hand():
    """Eight programs were run; a response without code and one that nobody could judge are not among them."""
    reasons = [
        "killed: its process ended with status 0",
        "killed: x",
        "timeout: y",
        "memory: z",
        "exception: E",
        "wrong: A",
    ]
    scores = [wrong("j", reason, tier="tests") for reason in reasons] + [right("j", tier="tests")] * 2
    scores += [wrong("j", "no answer: there is no code in it"), unknown("j", "timeout: killed: it says")]
    found = batch_metrics([group_of(scores)], grading_seconds=1.0)
    rates = {name: found[f"grading/{name}_rate"] for name in ("killed", "program_exception", "program_timeout")}
    assert found["grading/programs"] == 8 and found["grading/program_memory_rate"] == 1 / 8
    assert rates == {"killed": 2 / 8, "program_exception": 1 / 8, "program_timeout": 1 / 8}
    assert "grading/killed_rate" not in batch_metrics([group_of([right("j")])], grading_seconds=1.0)


def test_a_rise_of_killed_programs_is_told_once():
    """Of 100 programs a step: twice the mean of the steps before, and 3 more, are 3, 5.5, 8, 21.75, 30.4, 26.2."""
    rates = [0.0, 0.025, 0.05, 0.3, 0.31, 0.01, 0.9]
    rows = [{"step": n, "grading/killed_rate": rate, "grading/programs": 100} for n, rate in enumerate(rates)]
    rows.insert(0, {"step": 0, "eval/pass@1": 0.5})
    told = [killed_alarm(rows[:n], row) for n, row in enumerate(rows)]
    assert [row["step"] for row, text in zip(rows, told, strict=True) if text] == [3, 6]
    assert told[4].startswith("step 3: 30.0% of the programs were killed, 2.5% on average before.")


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Trains a tiny model under a reward of rewards_of_tests; gives the exit code."""
    monkeypatch.syspath_prepend(__file__.rpartition("/")[0])
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(base=tiny_model(tmp_path / "base")))

    def run(function, steps=3):
        reward = f'reward.functions=["verifier", "rewards_of_tests:{function}"]'
        return assay(["train", str(recipe), "--out", str(tmp_path / "run"), "--set", reward, "--set", f"steps={steps}"])

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
    assert last.endswith("put the reward or its data right")
    assert not (tmp_path / "run").exists()


def test_a_run_that_a_reward_stopped_says_how_to_continue(train, tmp_path, capsys):
    assert train("breaks_later", steps=4) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.endswith(f"data right, and continue with: assay train --resume {tmp_path / 'run'}")


def test_what_a_verifier_raised_is_kept_in_the_run_and_told(tmp_path):
    run, told = Run(tmp_path), []
    with reporting(run, told.append):
        logging.getLogger("assay").error("verifier %s raised\n%s", "mine:grade", "Traceback")
    logging.getLogger("assay").error("of no run")
    assert told == ["verifier mine:grade raised\nTraceback"]
    assert run.errors.read_text() == told[0] + "\n\n"


def test_an_alarm_is_kept_in_the_run_and_told(tmp_path):
    run, told = Run(tmp_path), []
    for step, rate in enumerate([0.0, 0.5]):
        record(run, told.append, {"step": step, "grading/killed_rate": rate, "grading/programs": 100})
    assert len(told) == 1 and run.errors.read_text() == told[0] + "\n\n"
    assert [row["step"] for row in run.read_metrics()] == [0, 1]
