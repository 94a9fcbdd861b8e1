"""Rewards in the signatures of TRL and verl, on samples made by hand."""

import asyncio
import re
import sys
import types
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import users_rewards
from pydantic import ValidationError

from assay.errors import RecipeError
from assay.recipe import RewardTable
from assay.rewards import combine, labels
from assay.rewards.calls import Failure
from assay.rewards.scoring import Rewards
from assay.tasks import make_task
from assay.types import Group, Prompt, Sample, Sampling, Stop, right, unknown, wrong

MASK = np.array([False, True, True])
TASK = make_task("compose")


def group(*texts, scores=(), prompt=None):
    """A prompt and its responses; right where a text is '7' unless `scores` says otherwise."""
    prompt = prompt or Prompt("quiz:rung", "p", "gold", "train", text="5", columns={"hint": "7"})
    scores = scores or [right("j") if text == "7" else wrong("j", "another") for text in texts]
    samples = tuple(
        Sample(0, m, np.array([5, 7, 2]), MASK, np.zeros(3), Sampling(), "p", Stop.EOS, text, {"true": score})
        for m, (text, score) in enumerate(zip(texts, scores, strict=True))
    )  # fmt: skip
    return Group(prompt, samples)


def score(groups, *functions, weights=None, steps=(0,), reports=None):
    """The rewards of each group, and the numbers, of the last of the steps."""
    names = tuple(name if name == "verifier" else name.replace("!", "users_rewards:") for name in functions)
    table = RewardTable(functions=names, weights=weights)
    with Rewards(table, TASK, 0, 10, [].append if reports is None else reports.append) as rewards:
        for step in steps:
            rewarded, numbers = rewards(groups, step)
    return [[sample.reward for sample in each.samples] for each in rewarded], numbers


def test_the_verifier_never_turns_unknown_into_wrong():
    reports = []
    scores = (right("j"), wrong("j", "r"), unknown("j", "timeout: after 5 s"))
    rewards, numbers = score([group("7", "8", "9", scores=scores)], "verifier", reports=reports)
    assert rewards == [[1.0, 0.0, None]]
    assert numbers == {"rewards/verifier/mean": 0.5, "rewards/verifier/std": 0.5**0.5, "rewards/verifier/errors": 1}
    assert "reward verifier, step 0: could not judge a response: timeout: after 5 s" in reports[0]


def test_what_no_part_scored_is_not_scored():
    assert combine([1.0, 0.5], [1.0, 2.0]) == 2.0
    assert combine([0.0, 0.0], [1.0, 1.0]) == 0
    assert combine([None, 0.8], [1.0, 1.0]) is None
    assert combine([0.8, Failure("raised", "raised")], [1.0, 1.0]) is None
    assert combine([], []) is None


def test_what_trl_passes_of_texts_and_of_messages():
    users_rewards.SEEN.clear()
    chat = Prompt("t", "q", "g", "train", messages=({"role": "user", "content": "Why?"},), columns={"kind": "c"})
    assert score([group("7", "8"), group("9", "10", prompt=chat)], "!everything", steps=[3])[0] == [[2.0] * 2] * 2
    (seen,) = users_rewards.SEEN
    question = [{"role": "user", "content": "Why?"}]
    answers = [[{"role": "assistant", "content": text}] for text in ("9", "10")]
    assert seen["prompts"] == ["5", "5", question, question]
    assert seen["completions"] == ["7", "8", *answers]
    assert seen["completion_ids"] == [[7, 2]] * 4
    assert seen["hint"] == ["7", "7", None, None] and seen["kind"] == [None, None, "c", "c"]
    assert (seen["trainer_state"].global_step, seen["trainer_state"].max_steps) == (3, 10)


def test_a_function_gets_the_arguments_that_it_names():
    assert score([group("7", "8")], "!only_two")[0] == [[1.0, 0.0]]
    with pytest.raises(
        RecipeError, match=r"needs_solution: its parameter 'solution' cannot be filled; .*hint, prompts"
    ):
        score([group("7", "8")], "!needs_solution")


def test_coroutine_functions_run_together_in_one_loop_also_under_a_running_one():
    """Each of two waits for the other: one after the other, they would time out."""
    users_rewards.LOOPS.clear()
    functions = ("!first", "!second", "verifier")
    assert score([group("7", "8")], *functions, steps=[0, 1])[0] == [[3.0, 2.0]]
    assert len(users_rewards.LOOPS) == 1

    async def notebook():
        return score([group("7", "8")], *functions, steps=[0, 1])

    assert asyncio.run(notebook())[0] == [[3.0, 2.0]]


@pytest.mark.parametrize(("function", "error"), [("trips_over_nine", "ZeroDivisionError"), ("leaves", "SystemExit")])
def test_one_bad_response_costs_its_group_its_rewards_and_is_reported_once(function, error):
    reports = []
    groups = [group("7", "8"), group("8", "9")]
    rewards, numbers = score(groups, f"!{function}", steps=[0, 1, 2], reports=reports)
    assert rewards == [[0.5 if function == "trips_over_nine" else 1.0, 1.0], [None, None]]
    assert numbers[f"rewards/{function}/errors"] == 2
    assert len(reports) == 1 and reports[0].startswith(f"reward users_rewards:{function}, step 0: raised {error}: ")
    assert "Traceback" in reports[0] and "users_rewards.py" in reports[0] and "calls.py" not in reports[0]


def test_training_stops_where_a_reward_always_fails():
    """At once where the first step is lost; else after the third lost step in a row."""
    with pytest.raises(
        RecipeError, match=r"never: no sample of step 0 has a value: raised KeyError: 'solution' \(.*py"
    ):
        score([group("7", "8")], "verifier", "!never")
    reports = []
    score([group("7", "8")], "!from_step_one", steps=[0, 1, 2, 0, 1, 2], reports=reports)
    assert len(reports) == 1
    with pytest.raises(RecipeError, match="step 3 has a value: raised ConnectionError: no answer in step 3"):
        score([group("7", "8")], "!from_step_one", steps=[0, 1, 2, 3])
    with pytest.raises(RecipeError, match="no sample of step 0 has a reward"):
        score([group("7", "8")], "!nothing")


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        ("short", "returned 0 values for 2 samples; expected a list of 2 numbers"),
        ("one_number", "returned float 1.0; expected a list of 2 numbers"),
    ],
)
def test_a_result_of_another_shape_is_a_failure(function, sentence):
    with pytest.raises(RecipeError, match=sentence):
        score([group("7", "8")], f"!{function}")


def test_what_is_no_finite_number_is_not_scored_and_counted():
    reports = []
    rewards, numbers = score([group("1", "2", "3", "4", "5")], "!odd_values", reports=reports)
    assert rewards == [[None, None, None, None, 1.0]]
    assert numbers["rewards/odd_values/errors"] == 4 and numbers["rewards/odd_values/mean"] == 1
    assert numbers["rewards/odd_values/std"] is None
    kinds = ("returned str '0.5' for a sample; expected a number, or None", "returned nan for a sample")
    assert len(reports) == 2 and all(kind in report for kind, report in zip(kinds, reports, strict=True))


def test_none_for_a_whole_group_leaves_the_function_out_and_for_a_part_is_no_score():
    """TRL's rewards for several kinds of data: the first group is not of the second function's kind."""
    rewards, numbers = score([group("8", "6"), group("7", "8")], "verifier", "!sevens_only", weights=(1.0, 2.0))
    assert rewards == [[0.0, 0.0], [2.0, None]]
    assert numbers["rewards/sevens_only/mean"] == 0.5 and numbers["rewards/sevens_only/errors"] == 0


def test_a_weight_of_0_logs_and_does_not_train():
    rewards, numbers = score([group("7", "9"), group("7", "8")], "verifier", "!trips_over_nine", weights=(1.0, 0.0))
    assert rewards == [[1.0, 0.0], [1.0, 0.0]]
    assert numbers["rewards/trips_over_nine/errors"] == 2 and numbers["rewards/trips_over_nine/mean"] == 0.75


def test_metrics_of_a_functions_own():
    chat = Prompt("t", "q", "7", "train", messages=({"role": "user", "content": "Why?"},), columns={"solution": "7"})
    rewards, numbers = score([group(r"\boxed{7}", r"\boxed{8}", "7", prompt=chat)], "!accuracy")
    assert rewards == [[1.0, 0.0, 0.0]]
    assert numbers["rewards/accuracy/boxed"] == pytest.approx(2 / 3)


def verl_rows():
    """Two rows as verl's examples/data_preprocess/gsm8k.py writes them."""
    for index, (question, gold) in enumerate([("Ann has 3 and buys 4. How many?", "7"), ("Half of 1,000?", "500")]):
        yield {
            "data_source": "openai/gsm8k",
            "prompt": [{"role": "user", "content": f"{question} Let's think step by step."}],
            "ability": "math",
            "reward_model": {"style": "rule", "ground_truth": gold},
            "extra_info": {"split": "train", "index": index, "question": question, "answer": f"so\n#### {gold}"},
        }


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_verls_rows_and_compute_score(suffix, tmp_path):
    frame, file = pl.DataFrame(list(verl_rows())), tmp_path / f"train.{suffix}"
    frame.write_parquet(file) if suffix == "parquet" else frame.write_ndjson(file)
    columns = "answer=reward_model.ground_truth:split=extra_info.split:problem=extra_info.index"
    task = make_task(f"jsonl:verifier=number:{columns}", str(file))
    prompts = task.prompts("train")
    assert [prompt.problem for prompt in prompts] == ["0", "1"] and [prompt.gold for prompt in prompts] == ["7", "500"]
    groups = [group("3 + 4\n#### 7", "#### 8", prompt=prompts[0]), group("500", "#### 500", prompt=prompts[1])]
    rewards, numbers = score(groups, "verl:users_rewards:compute_score")
    assert rewards == [[1.0, 0.0], [0.0, 1.0]]
    assert numbers == {
        "rewards/compute_score/acc/mean": 0.75,
        "rewards/compute_score/mean": 0.5,
        "rewards/compute_score/std": pytest.approx((1 / 3) ** 0.5),
        "rewards/compute_score/errors": 0,
    }
    assert score([group("7", "8", prompt=prompts[0])], "verl:users_rewards:compute_score_later")[0] == [[1.0, 0.0]]


def test_the_examples_of_the_documents(monkeypatch):
    """Every function of docs/rewards.md, pasted into a module: right, wrong, and a judge that takes longer."""
    text = (Path(__file__).parents[2] / "docs" / "rewards.md").read_text("utf-8")
    pasted = types.ModuleType("pasted")
    pasted.ask_a_model = lambda text: asyncio.sleep(0, result=len(text))
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(block, vars(pasted))
    monkeypatch.setitem(sys.modules, "pasted", pasted)
    prompt = Prompt("gsm8k", "p", "19", "train", text="7 + 12?", columns={"answer": "So\n#### 19"})
    groups = [group("#### 19", "20", prompt=prompt)]
    assert score(groups, "pasted:accuracy")[0] == score(groups, "verl:pasted:compute_score")[0] == [[1.0, 0.0]]
    assert score(groups, "pasted:judge")[0] == [[7.0, 2.0]]


def test_a_mistake_in_verls_signature_costs_its_own_sample_only():
    reports = []
    rewards, numbers = score([group("7", "9"), group("8", "8")], "verl:users_rewards:plain_score", reports=reports)
    assert rewards == [[0.5, None], [1.0, 1.0]] and numbers["rewards/plain_score/errors"] == 1
    assert "ZeroDivisionError" in reports[0]
    prompt = Prompt("t", "q", "other", "train", text="?")
    with pytest.raises(RecipeError, match="returned a dict without 'score'; it has 'acc'"):
        score([group("7", "8", prompt=prompt)], "verl:users_rewards:plain_score")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("users_rewards:shrt", "did you mean 'short'"),
        ("users_rewards:LOOPS", "reward users_rewards:LOOPS: is set, not a function"),
        ("verl:users_rewards:compute", "did you mean 'compute_score'"),
        ("verifer", "did you mean 'verifier'"),
    ],
)
def test_a_name_that_is_no_function(name, sentence):
    with pytest.raises(RecipeError, match=sentence):
        score([group("7", "8")], name)


def test_names_in_the_metrics_are_functions_names_unless_two_agree():
    assert labels(["verifier", "mine:length", "verl:mine:compute_score"]) == ["verifier", "length", "compute_score"]
    assert labels(["a:f", "b:f", "c:true"]) == ["a:f", "b:f", "c:true"]


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"functions": ("verifier", "a:f"), "weights": (1.0,)}, "weights: 1, functions: 2"),
        ({"functions": ("verifier", "verifier")}, "named twice"),
        ({"weights": (0.0,)}, "every weight is 0"),
        ({"weights": (float("nan"),)}, "finite"),
        ({"functions": ()}, "at least 1"),
    ],
)
def test_tables_that_cannot_be_meant(table, sentence):
    with pytest.raises(ValidationError, match=sentence):
        RewardTable(**table)


def test_further_draws_of_a_step_are_no_steps_of_their_own():
    """Dynamic sampling asks again within a step: three draws without a reward are not three bad steps."""
    table = RewardTable(functions=("verifier",))
    unscored, scored = ([group("a", scores=[each])] for each in (unknown("j", "x"), right("j")))
    with Rewards(table, TASK, 0, 9, lambda _: None) as rewards:
        rewards(scored, 0)
        for _ in range(5):
            rewards(unscored, 0)
        rewards(unscored, 1)
        rewards(unscored, 2)
        with pytest.raises(RecipeError, match="no sample of step 3 has a value"):
            rewards(unscored, 3)
