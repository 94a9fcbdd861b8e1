"""Distinct right solutions among m right responses: by hand, by counting all draws, and what is left out."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_rows import audit_rows

from assay.audits.diversity import decide, distinct, verdict_m
from assay.audits.paired import paired_change


@pytest.mark.parametrize("counts", [[1, 1, 1], [3, 2, 1], [5], [4, 4], [6, 1, 1, 1]])
def test_distinct_is_the_mean_over_all_draws(counts: list[int]) -> None:
    given = [name for name, count in enumerate(counts) for _ in range(count)]
    for m in range(1, len(given) + 1):
        draws = [len(set(draw)) for draw in combinations(given, m)]
        assert distinct(np.array(counts), m) == pytest.approx(sum(draws) / len(draws))


def rows(**solutions: str) -> list[dict[str, Any]]:
    """A row a letter: its solution; a capital one is wrong, "-" is right and has none."""
    return [
        {"problem": p, "member": at, "correct": not s.isupper(), "solution": None if s == "-" else s.lower()}
        for p, written in solutions.items()
        for at, s in enumerate(written)
    ]


def test_models_are_compared_at_as_many_right_responses(tmp_path: Path) -> None:
    """Two of aabb differ in 4 of 6 draws, so 1.667; of abcd always, 2; of aaaa never, 1. Wrong ones count nowhere.

    q has three right responses of the tuned model, so at m = 4 one problem would be left, too few.
    """
    found = audit_rows(tmp_path, rows(p="aabbZ", q="abcdZ"), rows(p="aaaaYX", q="aaa-Y"))
    base, tuned = found["diversity"]["base"], found["diversity"]["tuned"]
    assert list(base["distinct"]) == ["2"] and base["distinct"]["2"]["problems"] == 2
    assert base["distinct"]["2"]["estimate"] == pytest.approx((5 / 3 + 2) / 2)
    assert tuned["distinct"]["2"]["estimate"] == 1
    assert found["comparisons"]["tuned"]["diversity"]["distinct"]["2"]["estimate"] == pytest.approx(1 - (5 / 3 + 2) / 2)
    assert (base["right"], base["without_solution"], tuned["right"], tuned["without_solution"]) == (8, 0, 8, 1)
    claims = [each for each in found["findings"] if each["audit"] == "diversity" and not each["verdict"]]
    assert [(each["claim"], each["n"]) for each in claims] == [("distinct solutions among 2 right responses", 2)] * 2


def test_more_right_responses_alone_are_no_diversity(tmp_path: Path) -> None:
    """Four times as many in the same two ways: at m = 2 both have 1 + the chance to differ, 1 and 16 of 28."""
    few, many = rows(p="abZZZZZZ", q="abZZZZZZ"), rows(p="abababab", q="abababab")
    found = audit_rows(tmp_path, few, many)["comparisons"]["tuned"]["diversity"]["distinct"]
    assert list(found) == ["2"] and found["2"]["estimate"] == pytest.approx(16 / 28 - 1)


def test_without_solutions_or_right_responses_nothing_is_said(tmp_path: Path) -> None:
    bare = [{key: value for key, value in row.items() if key != "solution"} for row in rows(p="ab", q="ab")]
    found = audit_rows(tmp_path, bare, rows(p="ab", q="ab"))
    assert found["diversity"]["base"] is None and found["comparisons"]["tuned"]["diversity"] is None
    assert found["diversity"]["tuned"]["distinct"]["2"]["estimate"] == 2
    wrong = audit_rows(tmp_path, rows(p="AB", q="ab"), rows(p="ab", q="ab"))
    change = wrong["comparisons"]["tuned"]["diversity"]
    assert wrong["diversity"]["base"]["distinct"] == {} == change["distinct"]
    assert change["verdict"] == "not told" and change["change"] is None


def solved(seed: int, kinds: int, problems: int = 60, n: int = 16) -> list[dict[str, Any]]:
    """Three of four responses are right, each by one of `kinds` ways, the first of which is the commonest."""
    generator = np.random.default_rng(seed)
    chances = 1 / np.arange(1, kinds + 1)
    return [
        {
            "problem": problem,
            "member": member,
            "correct": bool(generator.random() < 0.75),
            "solution": str(generator.choice(kinds, p=chances / chances.sum())),
        }
        for problem in range(problems)
        for member in range(n)
    ]


@pytest.mark.parametrize(("before", "after", "verdict"), [(6, 1, "narrower"), (2, 6, "wider"), (6, 6, "not told")])
def test_a_collapsed_model_is_narrower_and_a_resampled_one_is_not(
    before: int, after: int, verdict: str, tmp_path: Path
) -> None:
    found = audit_rows(tmp_path, solved(1, before), solved(2, after))
    told = found["comparisons"]["tuned"]["diversity"]
    assert told["verdict"] == verdict and told["m"] == 8
    assert told["change"]["problems"] == told["distinct"]["8"]["problems"] > 30
    claim = next(each for each in found["findings"] if each["audit"] == "diversity" and each["verdict"])
    assert (claim["verdict"], claim["claim"]) == (verdict, told["why"])


def test_two_samplings_of_one_model_are_called_different_in_5_percent_at_most() -> None:
    """Of 300 pairs; 7.5 % is two standard errors above 5 %. Problems differ in how many ways they are solved."""
    generator = np.random.default_rng(7)
    wrong = 0
    for _ in range(300):
        pairs = []
        for kinds in generator.integers(1, 8, 40):
            chances = generator.dirichlet(np.full(kinds, 0.7))
            pairs.append([distinct(generator.multinomial(8, chances), 4) for _ in range(2)])
        before_M, after_M = np.array(pairs).T
        wrong += decide(paired_change(before_M, after_M, 3)) != "not told"
    assert wrong / 300 < 0.075


def test_the_verdict_is_read_where_half_of_the_problems_are_left() -> None:
    assert verdict_m({2: 100, 4: 80, 8: 50, 16: 49}) == 8
    assert verdict_m({2: 3}) == 2 and verdict_m({}) is None
