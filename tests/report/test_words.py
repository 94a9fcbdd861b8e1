"""Numbers in words: what is unknown says so, and nothing is rounded into a claim."""

from typing import Any

import pytest

from assay.report import words


@pytest.mark.parametrize(
    "show", [words.percent, words.decimal, words.change, words.signed, words.number, words.compact]
)
def test_unknown_is_said_and_never_zero(show: Any) -> None:
    assert show(None) == "not known"
    assert show(0.0) != "not known"


def test_numbers() -> None:
    assert words.percent(0.3124) == "31.2\u202f%"
    assert words.percent(-0.3174) == "−31.7\u202f%"
    assert words.percent(-0.0001) == "0.0\u202f%", "what rounds to nothing has no sign"
    assert words.decimal(-0.25) == "−0.250"
    assert words.change(0.041) == "+0.041"
    assert words.change(-0.0004) == "0.000", "what rounds to nothing has no sign"
    assert words.number(1234.5) == "1,234"
    assert words.number(7) == "7"
    assert words.compact(-0.000123456) == "−0.0001235"
    assert words.plural(1, "problem") == "1 problem"
    assert words.plural(1319, "problem") == "1,319 problems"


def test_prose_has_true_minus_signs_and_keeps_95_percent_together() -> None:
    assert words.prose("a-1 fell (-0.102, 95 % interval -0.150 to -0.05); x=-1") == (
        "a-1 fell (−0.102, 95\u00a0% interval −0.150 to −0.05); x=-1"
    )


@pytest.mark.parametrize(
    ("p", "said"), [(0.0004, "p < .001"), (0.001, "p = .001"), (0.0345, "p = .035"), (1.0, "p = 1.000")]
)
def test_p_values(p: float, said: str) -> None:
    assert words.p_value(p) == said.replace(" ", "\u00a0")


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(3, 8, "5 (3 to 8)"), (3, None, "5 (3 or more)"), (None, 8, "5 (8 or less)"), (None, None, "5")],
)
def test_open_bounds_are_not_numbers(low: float | None, high: float | None, said: str) -> None:
    assert words.with_interval({"estimate": 5, "low": low, "high": high}, words.number) == said


def test_no_estimate_is_not_known() -> None:
    assert words.with_interval(None, "{:.1f}".format) == "not known"
    assert words.with_interval({"estimate": None, "low": None, "high": None}, "{:.1f}".format) == "not known"


def comparison(verdict: str, high_at_K: float | None) -> dict[str, Any]:
    at_K = None if high_at_K is None else {"high": high_at_K}
    return {"verdict": verdict, "base": "B", "tuned": "T", "evidence": {"K": 64, "pass_at_K": at_K}}


def test_a_sharpened_model_that_lost_problems_is_not_said_to_have_kept_them() -> None:
    assert "reaches no more problems than B" in words.headline(comparison("sharpened", 0.01))
    assert "reaches fewer problems than B" in words.headline(comparison("sharpened", -0.01))


def test_every_verdict_of_the_audit_has_its_sentence() -> None:
    for verdict in ("extended", "narrowed", "sharpened", "neither", "not enough data"):
        sentence = words.headline(comparison(verdict, None))
        assert "T" in sentence and "B" in sentence and sentence != verdict.capitalize() + "."
    assert words.headline(comparison("something new", 0.0)) == "Something new."
