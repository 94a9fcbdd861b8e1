"""Reflection: phrases found, rates and what goes with them by hand, and no verdict from the luck of a draw."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sample_rows import audit_rows, responses

from assay.audits.phrases import PHRASES, expressions, load_phrases
from assay.audits.reflection import AGAINST, LEAST, NO_RISE, NOT_SHOWN, WITH, Reflection, Tally, tell, together
from assay.audits.verdict import Change
from assay.errors import RecipeError
from assay.types import Interval


def rows(**texts: list[str]) -> list[dict[str, Any]]:
    """A row a text; "+" in front of it marks a right response."""
    return [
        {"problem": problem, "member": at, "correct": text.startswith("+"), "response": text.lstrip("+")}
        for problem, each in texts.items()
        for at, text in enumerate(each)
    ]


@pytest.mark.parametrize(
    ("text", "lists"),
    [
        ("Let me RE-EXAMINE it", {"oat-zero", "understand-r1-zero"}),
        ("try again", {"oat-zero"}),
        ("I double-check this", {"understand-r1-zero"}),
        ("Wait, no", {"wait-aha"}),
        ("Aha! so", {"wait-aha"}),
        ("the waiter awaits", set()),
        ("", set()),
    ],
)
def test_the_lists_find_what_they_name(text: str, lists: set[str]) -> None:
    found = {name for name, pattern in expressions(PHRASES).items() if pl.Series([text]).str.contains(pattern).item()}
    assert found == {f"phrase:{name}" for name in lists}
    assert (len(PHRASES["oat-zero"]), len(PHRASES["understand-r1-zero"])) == (11, 15)


def test_rates_and_accuracy_by_hand(tmp_path: Path) -> None:
    """Base: p has 1 of 4 with a phrase, q 0 of 4: rate 1/8, one problem of two. Tuned: p 2 of 4, q 2 of 4: rate 1/2.

    Tuned, p: with 2 of 2 right, without 1 of 2, so +1/2; q: with 0 of 2, without 1 of 2, so -1/2. A response that could
    not be judged counts nowhere.
    """
    base = rows(p=["+wait a", "b", "c", "+d"], q=["a", "b", "+c", "d"])
    tuned = rows(p=["+wait a", "+Wait b", "+c", "d"], q=["wait a", "wait b", "+c", "d"])
    unjudged = {"problem": "q", "member": 9, "correct": None, "response": "wait"}
    found = audit_rows(tmp_path, base, [*tuned, unjudged])
    first, second = (found["reflection"][label]["phrases"]["wait-aha"] for label in ("base", "tuned"))
    assert (first["rate"]["estimate"], second["rate"]["estimate"]) == (0.125, 0.5)
    assert (first["any"]["estimate"], second["any"]["estimate"], first["any"]["k"]) == (0.5, 1, 4)
    assert (second["responses"], second["of"]) == (4, 8)
    assert second["accuracy_with"]["estimate"] == second["accuracy_without"]["estimate"] == 0.5
    assert (second["within"]["estimate"], second["within"]["problems"]) == (0, 2)
    assert second["within"]["low"] < -0.9 and second["within"]["high"] > 0.9, "two problems tell next to nothing"
    assert first["within"]["estimate"] == pytest.approx(1 - 1 / 3) and first["within"]["problems"] == 1
    change = found["comparisons"]["tuned"]["reflection"]["phrases"]["wait-aha"]
    assert change["rate"]["estimate"] == 0.375 and change["any"]["estimate"] == 0.5
    assert found["reflection"]["base"]["phrases"]["oat-zero"]["rate"]["estimate"] == 0
    assert found["reflection"]["base"]["phrases"]["oat-zero"]["accuracy_with"] is None
    assert found["settings"]["patterns"]["wait-aha"] == list(PHRASES["wait-aha"])


def test_labels_are_shares_of_the_judged_responses(tmp_path: Path) -> None:
    """p: 1 confirm of 4 in the base, 2 of 4 after; a response without a label did not try again."""
    base, tuned = responses({"p": "1100", "q": "1100"}), responses({"p": "1100", "q": "1100"})
    base[0]["reflection"] = tuned[0]["reflection"] = tuned[1]["reflection"] = "confirm"
    tuned[2]["reflection"] = "loop"
    found = audit_rows(tmp_path, base, tuned)
    assert found["reflection"]["base"]["labels"]["confirm"]["estimate"] == 0.125
    assert found["reflection"]["base"]["phrases"] is None, "there are no texts"
    change = found["comparisons"]["tuned"]["reflection"]["labels"]
    assert (change["confirm"]["estimate"], change["loop"]["estimate"], change["miss"]["estimate"]) == (0.125, 0.125, 0)


def test_without_texts_and_labels_nothing_is_said(tmp_path: Path) -> None:
    bare, told = responses({"p": "10", "q": "10"}), rows(p=["wait", "+a"], q=["b", "+c"])
    found = audit_rows(tmp_path, bare, told)
    assert found["reflection"]["base"] is None and found["comparisons"]["tuned"]["reflection"] is None
    assert found["reflection"]["tuned"]["phrases"]["wait-aha"]["rate"]["estimate"] == 0.25


def drawn(generator: np.random.Generator, rate_M: Any, right_M: Any, n: int = 16, coupled: bool = False) -> Reflection:
    """Responses of these chances; where `coupled`, those with a phrase are just those that are right."""
    halves = []
    for _ in range(2):
        right_Mn = generator.random((len(right_M), n)) < right_M[:, None]
        phrase_Mn = right_Mn if coupled else generator.random((len(rate_M), n)) < rate_M[:, None]
        counts = (np.full(len(rate_M), n), phrase_Mn.sum(1), right_Mn.sum(1), (phrase_Mn & right_Mn).sum(1))
        halves.append(Tally(*counts))
    whole = Tally(*(getattr(halves[0], name) + getattr(halves[1], name) for name in Tally.__slots__))
    return Reflection(whole, (halves[0], halves[1]))


@pytest.mark.parametrize("coupled", [False, True])
def test_two_samplings_of_one_model_seldom_go_together(coupled: bool) -> None:
    """At most 5 % by chance, also where reflecting and being right are one thing; 7.5 % is 2.3 errors of 400 away."""
    generator = np.random.default_rng(3)
    wrong = 0
    for _ in range(400):
        right_M = generator.random(40)
        pair = [drawn(generator, np.full(40, 0.3), right_M, coupled=coupled) for _ in range(2)]
        interval = together(*pair)
        assert interval is not None and interval.low is not None and interval.high is not None
        wrong += not interval.low <= 0 <= interval.high
    assert wrong / 400 < 0.075


@pytest.mark.parametrize(("sign", "outcome"), [(1, WITH), (-1, AGAINST)])
def test_changes_that_go_together_are_told(sign: int, outcome: str) -> None:
    generator = np.random.default_rng(4)
    rise_M = np.linspace(0, 0.5, 60)
    base = drawn(generator, np.full(60, 0.1), np.full(60, 0.5))
    tuned = drawn(generator, 0.1 + rise_M, 0.5 + sign * (rise_M - 0.25))
    assert tell(Change(0.1, 0.3, 0.2, 0.1, 0.3, 0.01), together(base, tuned), "x")[0] == outcome


def test_what_cannot_be_told_is_not() -> None:
    rose, still = Change(0.1, 0.3, 0.2, 0.1, 0.3, 0.01), Change(0.1, 0.1, 0.0, -0.1, 0.1, 1.0)
    assert tell(still, Interval(0.9, 0.8, 1.0), "x")[0] == NO_RISE
    assert tell(rose, Interval(0.1, -0.1, 0.3), "x")[0] == NOT_SHOWN == tell(rose, None, "x")[0]
    generator = np.random.default_rng(5)
    few = [drawn(generator, np.full(LEAST - 1, 0.3), np.full(LEAST - 1, 0.5)) for _ in range(2)]
    same = [drawn(generator, np.zeros(20), np.full(20, 0.5)) for _ in range(2)]
    assert together(*few) is None and together(*same) is None


def test_patterns_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('doubt = ["hold on", "not (so )?sure"]')
    lists = load_phrases(file)
    assert list(lists) == [*PHRASES, "doubt"]
    found = audit_rows(tmp_path, rows(p=["Hold ON", "a"]), rows(p=["b", "Not sure"]), phrases=lists)
    assert found["reflection"]["tuned"]["phrases"]["doubt"]["rate"]["estimate"] == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a = ["x("]', "'a': 'x(' is no regular expression in Rust's syntax (unclosed group)"),
        ('a = ["x*"]', "'x*' is in every text"),
        ("a = []", "'a' has no pattern"),
        ('wait-aha = ["x"]', "'wait-aha' is a list of its own already"),
        ('a = "x"', "'a': expected a list, got 'x'"),
        ("", "has no patterns"),
        ("a", "is not valid TOML"),
    ],
)
def test_bad_patterns_get_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(RecipeError) as error:
        load_phrases(file)
    assert said in str(error.value) and "\n" not in str(error.value)
