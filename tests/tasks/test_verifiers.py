"""Named verifiers: what is right, wrong and unknown."""

import re
from typing import Any

import numpy as np
import pytest

from assay.tasks.verifiers import as_score, choice, exact, normal_text, number, regex
from assay.types import Verdict, right


@pytest.mark.parametrize(
    ("response", "gold", "verdict"),
    [
        ("Paris", "Paris", "right"),
        (" **paris.** ", "Paris", "right"),
        ("The answer is 'Paris'.", "Paris", "right"),
        (r"\boxed{\text{Paris}}", "Paris", "right"),
        ("A: Paris\n", "Paris", "right"),
        ("Paris, I think", "Paris", "wrong"),
        (r"Paris \boxed{Rome}", "Paris", "wrong"),
        ("", "Paris", "wrong"),
        ("7", 7, "right"),
        ("true", True, "right"),
        ("Paris", "", "unknown"),
        ("Paris", ["Paris"], "unknown"),
        ("Paris", None, "unknown"),
    ],
)
def test_exact(response: str, gold: Any, verdict: str) -> None:
    assert exact(response, gold).verdict == verdict


@pytest.mark.parametrize(
    ("response", "gold", "verdict"),
    [
        (r"\boxed{1,234.0}", "1234", "right"),
        ("A: 0.5", "1/2", "right"),
        ("99999999999", "100000000000", "wrong"),
        ("0.1", "1/10", "right"),
        ("0.3333333333", "1/3", "wrong"),
        ("A: -5", "5", "wrong"),
        ("none", "5", "wrong"),
        ("5", "five", "unknown"),
        ("5", True, "unknown"),
    ],
)
def test_number(response: str, gold: Any, verdict: str) -> None:
    assert number(response, gold).verdict == verdict


def test_a_number_is_kept_in_its_canonical_form() -> None:
    assert number("A: $1,234.50", "7").answer == number(r"\boxed{1234.5}", "7").answer == "1234.5"
    assert number("so \\boxed{5", "5").reason == "no answer: boxed names no number"
    assert number("", "5").reason == "no answer"


@pytest.mark.parametrize(
    ("response", "verdict", "answer"),
    [
        ("B", "right", "B"),
        ("(b)", "right", "B"),
        ("B. Because it is", "right", "B"),
        (r"\boxed{B}", "right", "B"),
        (r"\boxed{\text{(B)}}", "right", "B"),
        (r"\boxed{\text{B) Paris}}", "right", "B"),
        ("A is wrong, so the answer is (B) Paris.", "right", "B"),
        ("**Answer:** B", "right", "B"),
        ("A) first\nThe answer is B", "right", "B"),
        ("The answer is option B", "right", "B"),
        ("The answer is C", "wrong", "C"),
        ("The answer is A or B", "wrong", None),
        ("The answer is B, C", "wrong", None),
        ("A dog", "wrong", None),
        ("The answer is D", "wrong", None),
        ("because", "wrong", None),
        ("", "wrong", None),
        ("A B", "wrong", None),
    ],
)
def test_choice(response: str, verdict: str, answer: str | None) -> None:
    score = choice(response, "B", choices="ABC")
    assert (score.verdict, score.answer) == (verdict, answer)


@pytest.mark.parametrize("gold", ["D", "AB", "", 1, None])
def test_a_gold_that_is_no_choice_is_unknown(gold: Any) -> None:
    assert choice("B", gold, choices="ABC").verdict is Verdict.UNKNOWN


def test_regex_takes_the_last_match_and_its_group() -> None:
    tagged = re.compile(r"<a>(.*?)</a>")
    assert regex("<a>1</a> <a> Two </a>", "two", tagged).verdict is Verdict.RIGHT
    assert regex("<a>two</a> <a>1</a>", "two", tagged).verdict is Verdict.WRONG
    assert regex("two", "two", tagged).reason == "no answer"
    assert regex("is 5 or 7", "7", re.compile("[0-9]")).verdict is Verdict.RIGHT
    assert regex("ab", "x", re.compile("a(c)?b")).reason == "no answer"


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (True, "right"),
        (False, "wrong"),
        (None, "unknown"),
        (1.0, "right"),
        (0, "wrong"),
        (np.True_, "right"),
        (0.5, "unknown"),
        ("yes", "unknown"),
        (np.array([1, 1]), "unknown"),
        (right("mine"), "right"),
    ],
)
def test_what_a_verifier_of_ones_own_may_return(result: Any, verdict: str) -> None:
    assert as_score("mine", result).verdict == verdict


def test_normal_text() -> None:
    assert normal_text(' "The  EIFFEL\nTower." ') == "the eiffel tower"
    assert normal_text("$x$") == "x"
    assert normal_text("U.S.") == "u.s"
