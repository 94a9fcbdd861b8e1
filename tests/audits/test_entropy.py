"""Entropies: the estimator against all draws and against the truth, orders shared by models, and what is unknown."""

import math
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_rows import SAMPLING, audit_rows, responses

from assay.audits.entropy import entropy


def counted(names: Any) -> np.ndarray:
    return np.unique(list(names), return_counts=True)[1].astype(np.int64)


@pytest.mark.parametrize("counts", [[3, 2, 1], [6], [1, 1, 1, 1, 1]])
def test_an_order_is_the_mean_over_all_draws_of_so_many(counts: list[int]) -> None:
    given = [name for name, count in enumerate(counts) for _ in range(count)]
    for order in range(1, len(given) + 1):
        draws = [entropy(counted(draw), order) for draw in combinations(given, order)]
        assert entropy(np.array(counts), order) == pytest.approx(np.mean(draws), abs=1e-12)


def test_it_is_unbiased_and_nearer_to_the_truth_than_plugging_in() -> None:
    """Of p = .5, .25, .25 the entropy is 1.5 ln 2; at order n its mean is sum p (1-p)^v / v, v < n."""
    chances, n = np.array([0.5, 0.25, 0.25]), 6
    generator = np.random.default_rng(0)
    draws = generator.multinomial(n, chances, 20_000)
    found = [entropy(row[row > 0], n) for row in draws]
    expected = sum((chances * (1 - chances) ** v).sum() / v for v in range(1, n))
    assert np.mean(found) == pytest.approx(expected, abs=4 * np.std(found) / math.sqrt(len(draws)))
    plugged = [-(row[row > 0] / n * np.log(row[row > 0] / n)).sum() for row in draws]
    truth = 1.5 * math.log(2)
    assert abs(np.mean(found) - truth) < abs(np.mean(plugged) - truth) / 3


def with_answers(**answers: str) -> list[dict[str, Any]]:
    """A row a letter, which is its answer; "-" has none."""
    return [
        {"problem": p, "member": at, "correct": False, "answer": None if letter == "-" else letter}
        for p, letters in answers.items()
        for at, letter in enumerate(letters)
    ]


def test_models_are_compared_at_one_order(tmp_path: Path) -> None:
    """At order 2 the estimate is the chance that two answers differ: of aabb 4 of 6, of ab 1, of aa 0.

    q has one answer of the tuned model, so p alone is compared; more answers alone change nothing.
    """
    found = audit_rows(tmp_path, with_answers(p="aabb", q="ab"), with_answers(p="a-a-", q="b-"))
    base, tuned = found["entropy"]["base"]["answer"], found["entropy"]["tuned"]["answer"]
    assert (base["estimate"], base["problems"]) == (pytest.approx(4 / 6), 1) and tuned["estimate"] == 0
    assert found["comparisons"]["tuned"]["entropy"]["answer"]["estimate"] == pytest.approx(-4 / 6)


def test_token_entropy_weighs_tokens_and_needs_the_models_own_distribution(tmp_path: Path) -> None:
    """(3 + 1) nats over 2 + 6 tokens, not the mean of 3/2 and 1/6."""
    rows = responses({"p": "1", "q": "0"}, **SAMPLING)
    for row, (logprob, tokens) in zip(rows, ((-3.0, 2), (-1.0, 6)), strict=True):
        row |= {"logprob": logprob, "length_tokens": tokens}
    found = audit_rows(tmp_path, rows, rows)
    assert found["entropy"]["base"]["token"]["estimate"] == 0.5 and found["entropy"]["base"]["answer"] is None
    assert found["comparisons"]["tuned"]["entropy"]["token"]["estimate"] == 0
    cooler = [row | {"temperature": 0.6} for row in rows]
    assert audit_rows(tmp_path, cooler, cooler)["entropy"] == {"base": None, "tuned": None}
