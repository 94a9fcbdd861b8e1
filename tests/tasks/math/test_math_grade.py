"""The verifier of mathematics: verdicts judged by hand, one row each, and what decided them."""

import time
from pathlib import Path

import pytest

from assay.grading.workers import Outcome
from assay.tasks.math import grade as module
from assay.tasks.math.grade import Rules, grade, grade_many
from assay.types import Verdict

JUDGED = [
    tuple(part.strip() for part in line.split("::"))
    for line in Path(__file__).with_name("judged.txt").read_text("utf-8").splitlines()
    if "::" in line and not line.startswith("#")
]
"""(verdict, gold, response)."""


def verdicts(cases, rules=None):
    scores = grade_many([(response, gold, rules or Rules()) for gold, response in cases])
    return [(*case, score.verdict, score.reason) for case, score in zip(cases, scores, strict=True)]


def test_judged_by_hand() -> None:
    found = verdicts([(gold, response) for _, gold, response in JUDGED])
    assert [each for (verdict, *_), each in zip(JUDGED, found, strict=True) if each[2] != verdict] == []


@pytest.mark.parametrize("gold", ["", None, True, ["5"], "x" * 3000])
def test_a_gold_that_is_no_answer_is_unknown(gold) -> None:
    assert grade("5", gold).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("gold", "response", "tier"),
    [("5", "$5$", "string"), ("1/2", "0.5", "exact"), ("(1,2)", "(1,3)", "exact"), (r"2\sqrt3", r"\sqrt{12}", "deep")],
)
def test_the_tier_that_decided_is_named(gold, response, tier) -> None:
    assert grade(response, gold).tier == tier


def test_per_cent_alone_counts_only_where_the_question_asks_for_it() -> None:
    asked = Rules(question="What percent of the marbles are red?")
    cases = [(r"50\%", "50"), ("50", r"50\%"), ("50", "50")]
    assert [each[2] for each in verdicts(cases, asked)] == [Verdict.RIGHT] * 3
    other = Rules(question="How many marbles are red?")
    assert [each[2] for each in verdicts(cases, other)] == [Verdict.WRONG, Verdict.WRONG, Verdict.RIGHT]
    assert grade("0.5", "50", asked).verdict is Verdict.WRONG


@pytest.mark.parametrize(
    ("gold", "response", "verdict"),
    [
        ("1.6", "1.571", "right"),  # rounds to two figures
        ("1.6", "1.66", "wrong"),
        ("4.5e33", "4.48e33", "right"),  # .4 %
        ("4.5e33", "4.7e33", "wrong"),
        ("3.56", "3.58", "right"),  # .6 %
        ("3.56", "3.61", "wrong"),
        ("1.6e-19", "1.602 \\times 10^{-19}", "right"),
        ("1.6e-19", "0.0", "wrong"),
        ("11", "12", "wrong"),  # counts are exact
        ("20", "19.97", "right"),
        ("24", "24.2", "wrong"),
    ],
)
def test_physics_answers_may_be_rounded(gold, response, verdict) -> None:
    assert grade(response, gold, Rules(physics=True)).verdict == verdict


def test_an_absolute_error_is_allowed_where_the_benchmark_says_so() -> None:
    rules = Rules(tolerance="1e-1")
    assert grade("2.4", "2.33", rules).verdict is Verdict.RIGHT
    assert grade(r"\sqrt{5.5}", "2.33", rules).verdict is Verdict.RIGHT
    assert grade("2.5", "2.33", rules).verdict is Verdict.WRONG


def test_only_a_box_counts_where_only_a_box_is_asked_for() -> None:
    rules = Rules(boxed_only=True)
    assert grade("the answer is 5", "5", rules).reason == "no answer"
    assert grade(r"\boxed{5}", "5", rules).verdict is Verdict.RIGHT


HOSTILE = [
    r"\boxed{3^{100000000}}",
    "9**9**9**9",
    r"\boxed{100000000!}",
    r"\boxed{\binom{1000000}{500000}}",
    r"\boxed{__import__('os').system('touch /tmp/owned')}",
    "(" * 3000 + "4",
    r"\boxed{" + "(" * 3000 + ")" * 3000 + "}",
    "\\begin{pmatrix}" * 500,
    r"\boxed{1" + "0" * 1900 + "}",
    r"\sqrt" * 400 + "4",
    "x^" * 200 + "x",
    "[" * 5000 + "]" * 5000,
    "4 " + "\n" * 50000,
    r"\boxed{4}" + " " * 90000 + "x",
    r"\[ " * 30000,
    r"\boxed{" + "(1," * 330 + "1" + ")" * 330 + "}",
    r"\boxed{((2^{9999})^{9999})^{9999}}",
    r"\boxed{(10000!)^{10000}}",
    r"\boxed{10^{10*10000000}}",
    r"\boxed{7^{\frac{10000000}{1}}}",
    *[
        piece * 5000
        for piece in ("$", r"\frac", r"\boxed{", "1,", "=", "‹", "9", "and ", r"\text{", "\\", "_{", "<", ".")
    ],
    *[piece * 50000 for piece in ("a", "1 ", "$ ", "}")],
]


@pytest.mark.parametrize("response", HOSTILE, ids=lambda text: text[:20])
def test_hostile_answers_are_wrong_at_once(response) -> None:
    began = time.process_time()
    assert grade(response, "5").verdict is Verdict.WRONG
    assert time.process_time() - began < 0.5


SLOW = r"\prod_{k=1}^{9999} (1 + \sin(k))"
"""Past every guard, and past the limit of time."""


def test_an_answer_that_cannot_be_worked_out_in_time_is_wrong_and_stops_nothing(monkeypatch) -> None:
    """The gold alone can be, so the answer is to blame: to be left out of the statistics is not to be had that way."""
    monkeypatch.setattr(module.deep_workers(), "limit_seconds", 0.5)
    scores = grade_many([(rf"\boxed{{{SLOW}}}", r"\sqrt{2}", Rules()), (r"\sqrt{8}/2", r"\sqrt{2}", Rules())])
    assert (scores[0].verdict, scores[0].tier) == (Verdict.WRONG, "deep")
    assert scores[0].reason == "no answer that can be judged: it took longer than 0.5 s"
    assert scores[1].verdict is Verdict.RIGHT


def test_a_gold_that_cannot_be_worked_out_in_time_is_unknown(monkeypatch) -> None:
    monkeypatch.setattr(module.deep_workers(), "limit_seconds", 0.5)
    score = grade(r"\boxed{\sqrt{2}}", SLOW)
    assert (score.verdict, score.reason) == (Verdict.UNKNOWN, "timeout: took longer than 0.5 s")


def test_a_fault_of_a_worker_is_unknown_and_named() -> None:
    hard = module._Hard(r"\sqrt{2}", "x", True, Rules())
    score = hard.score(Outcome(fault="memory", detail="needed more memory than a worker has"))
    assert (score.verdict, score.value) == (Verdict.UNKNOWN, None)
    assert score.reason == "memory: needed more memory than a worker has"
