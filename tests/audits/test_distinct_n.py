"""Distinct n-grams by hand, over as many responses of every model, and not moved by length alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_rows import audit_rows, responses

from assay.audits.distinct_n import ead


def test_ead_by_hand() -> None:
    """'a b a' and 'b': 2 words of 4, V = 3: 3 (1 - (2/3)^4) = 65/27 expected. Pairs: ab, ba; V = 9: 9 (1 - (8/9)^2)."""
    texts = [["a", "b", "a"], ["b"]]
    assert ead(texts, 1, 3) == pytest.approx(2 / (65 / 27))
    assert ead(texts, 2, 3) == pytest.approx(2 / (9 * (1 - (8 / 9) ** 2)))
    assert ead(texts, 4, 3) is None, "no response has four words"
    assert ead([["a"], ["a"]], 1, 1) == 1


def test_random_words_score_one_however_long() -> None:
    generator = np.random.default_rng(1)
    for length in (5, 50):
        values = [
            ead([list(map(str, row)) for row in generator.integers(0, 40, (8, length))], 1, 40) for _ in range(200)
        ]
        assert np.mean([value for value in values if value is not None]) == pytest.approx(1, abs=0.02)


def texts(words: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [
        {"problem": problem, "member": at, "correct": True, "response": text}
        for problem, each in words.items()
        for at, text in enumerate(each)
    ]


def test_as_many_responses_of_every_model_by_member(tmp_path: Path) -> None:
    """The tuned model has two responses to q, so the first two of all are looked at; w = 3 words in these."""
    base = texts({"p": ["a b", "a c", "z y x"], "q": ["a", "b", "z"]})
    tuned = texts({"p": ["a b", "a b", "a b"], "q": ["a", "a"]})
    found = audit_rows(tmp_path, base[::-1], tuned)
    assert found["distinct_n"]["base"]["responses"] == 2

    def expected(distinct: int, count: int, possible: int) -> float:
        return distinct / (possible * (1 - (1 - 1 / possible) ** count))

    one = found["distinct_n"]["base"]["n"]["1"]
    assert one["estimate"] == pytest.approx((expected(3, 4, 3) + expected(2, 2, 3)) / 2) and one["problems"] == 2
    two = found["comparisons"]["tuned"]["distinct_n"]["2"]
    assert two["estimate"] == pytest.approx(expected(1, 2, 9) - expected(2, 2, 9)) and two["problems"] == 1
    assert found["distinct_n"]["base"]["n"]["4"] is None


def test_one_response_and_none_say_nothing(tmp_path: Path) -> None:
    single, bare = texts({"p": ["a"], "q": ["b"]}), responses({"p": "1", "q": "0"})
    assert audit_rows(tmp_path, single, single)["distinct_n"] == {"base": None, "tuned": None}
    several = texts({"p": ["a", "b"], "q": ["b", "a"]})
    found = audit_rows(tmp_path, bare, several)
    assert found["distinct_n"]["base"] is None and found["comparisons"]["tuned"]["distinct_n"] is None
    assert found["distinct_n"]["tuned"]["n"]["1"] is not None
