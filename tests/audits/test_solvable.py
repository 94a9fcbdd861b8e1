"""Solvable sets, their test against luck, and the support ratios against the published tables."""

import math
from pathlib import Path

import numpy as np
import pytest
from sample_rows import answers, audit_counts

from assay.audits.solvable import _luck, chance_of_none, solvable, support_ratios
from assay.stats import Answers


def test_the_four_sets() -> None:
    found = solvable(answers(4, [1, 2, 0, 0, 4]), answers(4, [3, 0, 1, 0, 4]))
    assert found == {"both": 2, "base_only": 1, "tuned_only": 1, "neither": 1}


TABLE_4 = {  # AIME24, problems solved by Qwen2.5-7B and by SimpleRL: arXiv 2504.13837, Table 4
    "base": {0, 1, 4, 6, 7, 8, 9, 11, 12, 14, 15, 16, 17, 18, 19, *range(22, 30)},
    "lost": {4, 11, 17, 19},
}
TABLE_5 = {"base_only": {409, 432, 436, 448}, "tuned_only": {430}}  # LiveCodeBench 400-450, Coder-R1


def test_published_coverage_tables() -> None:
    base = np.array([int(problem in TABLE_4["base"]) for problem in range(30)])
    tuned = np.array([int(problem in TABLE_4["base"] - TABLE_4["lost"]) for problem in range(30)])
    one = np.ones(30, dtype=np.int64)
    assert solvable(Answers(one, base), Answers(one, tuned)) == {
        "both": 19,
        "base_only": 4,
        "tuned_only": 0,
        "neither": 7,
    }
    problems = range(400, 450)
    # 23 solved by the base and 20 by Coder-R1, so 19 by both.
    both = set(sorted(set(problems) - TABLE_5["base_only"] - TABLE_5["tuned_only"])[:19])
    base = np.array([int(problem in both | TABLE_5["base_only"]) for problem in problems])
    tuned = np.array([int(problem in both | TABLE_5["tuned_only"]) for problem in problems])
    assert (base.sum(), tuned.sum()) == (23, 20)
    one = np.ones(50, dtype=np.int64)
    found = solvable(Answers(one, base), Answers(one, tuned))
    assert found == {"both": 19, "base_only": 4, "tuned_only": 1, "neither": 26}


@pytest.mark.parametrize(
    ("name", "preserved", "expanded", "shrunk", "printed"),
    [  # arXiv 2507.14843, Table 1: P, E, S and the printed SRR, NDR, SDS, NSCR
        ("ProRL-v1", 2400, 36, 163, (0.94, None, 0.03, -0.05)),
        ("ProRL-v2", 2388, 48, 175, (0.93, 0.02, 0.04, -0.05)),
        ("Nemotron-7B", 2715, 28, 56, (0.98, 0.01, 0.02, -0.01)),
        ("Skywork-7B", 2685, 26, 86, (0.97, 0.01, 0.02, -0.02)),
        ("Nemotron-14B", 2418, 8, 23, (0.99, 0.00, 0.01, -0.01)),
        ("Phi4+", 2474, 16, 23, (0.99, 0.01, 0.01, 0.00)),
        ("OLMo2-1B math", 761, 83, 104, (0.88, 0.10, 0.18, -0.02)),
        ("Kangheng-7B", 781, 3, 4, (None, None, None, None)),
    ],
)
def test_published_support_ratios(
    name: str, preserved: int, expanded: int, shrunk: int, printed: tuple[float | None, ...]
) -> None:
    ours = support_ratios(preserved, shrunk, expanded)
    for key, expected in zip(("SRR", "NDR", "SDS", "NSCR"), printed, strict=True):
        value = ours[key]
        assert value is not None
        assert expected is None or round(value, 2) == expected, (name, key, value)


def test_the_two_figures_printed_otherwise() -> None:
    """The counts say 781/785 = .9949, printed 1.00, and 36/2436 = .0148, printed .02."""
    kangheng, prorl = support_ratios(781, 4, 3)["SRR"], support_ratios(2400, 163, 36)["NDR"]
    assert kangheng is not None and prorl is not None
    assert (round(kangheng, 2), round(prorl, 2)) == (0.99, 0.01)


def test_undefined_ratios_are_none_not_0() -> None:
    assert support_ratios(0, 0, 0) == {"SRR": None, "NDR": None, "SDS": None, "NSCR": None}
    assert support_ratios(0, 3, 0) == {"SRR": 0.0, "NDR": None, "SDS": None, "NSCR": -1.0}
    assert support_ratios(5, 0, 0) == {"SRR": 1.0, "NDR": 0.0, "SDS": 0.0, "NSCR": 0.0}


def test_chance_that_luck_leaves_a_model_none() -> None:
    """Both have 4 answers. One right: 1/2. Two: C(4,2)/C(8,2) = 6/28. Five cannot all fall to four answers."""
    loser, winner = answers(4, [0, 0, 1, 0]), answers(4, [1, 2, 4, 0])
    np.testing.assert_allclose(chance_of_none(loser, winner), [1 / 2, 6 / 28, 0, 0])
    # The loser has 6 answers, the winner 2, and both of these are right: C(2,2)/C(8,2) = 1/28.
    np.testing.assert_allclose(chance_of_none(answers(6, [0]), answers(2, [2])), [1 / 28])
    exact = math.comb(128, 20) / math.comb(256, 20)
    np.testing.assert_allclose(chance_of_none(answers(128, [0]), answers(128, [20])), [exact], rtol=1e-12)


def test_luck_explains_problems_solved_once_and_not_those_solved_often(tmp_path: Path) -> None:
    lucky = audit_counts(tmp_path, answers(64, [1] * 6 + [0] * 6), answers(64, [0] * 6 + [1] * 6))
    test = lucky["comparisons"]["tuned"]["solvable_test"]["base_only"]
    # 12 problems with one right answer: 6 expected on either side, P(at least 6 of 12) = .6128.
    assert test == {"observed": 6, "expected": 6.0, "p_value": pytest.approx(0.61279296875), "significant": 0}
    lost = audit_counts(tmp_path, answers(64, [30] * 3 + [1] + [5] * 8), answers(64, [0] * 4 + [5] * 8))
    comparison = lost["comparisons"]["tuned"]
    assert comparison["solvable_test"]["base_only"]["significant"] == 3
    assert comparison["solvable_test"]["base_only"]["p_value"] < 1e-8
    listed = comparison["solvable_problems"]["base_only"]
    assert [row["problem"] for row in listed] == ["0", "1", "2", "3"]
    assert listed[3] == {
        "problem": "3", "n_base": 64, "correct_base": 1, "n_tuned": 64, "correct_tuned": 0, "p_value": 0.5,
    }  # fmt: skip


def test_significance_counts_every_problem_that_was_tested(tmp_path: Path) -> None:
    """Seven right answers to none: p = C(64,7)/C(128,7) = .0066, significant alone, not among 10 problems solved."""
    alone = audit_counts(tmp_path, answers(64, [7, 0]), answers(64, [0, 0]))
    among = audit_counts(tmp_path, answers(64, [7] + [9] * 9), answers(64, [0] + [9] * 9))
    tests = [each["comparisons"]["tuned"]["solvable_test"]["base_only"] for each in (alone, among)]
    assert [test["significant"] for test in tests] == [1, 0]


def test_two_samplings_of_one_model_rarely_find_a_set() -> None:
    """The p-value of base-only problems is at most .05 in about 5 % of 400 audits or less: it is discrete."""
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        p = np.where(generator.random(60) < 0.4, 0, generator.beta(0.3, 3, 60))
        base, tuned = answers(32, generator.binomial(32, p)), answers(32, generator.binomial(32, p))
        hits += _luck(chance_of_none(tuned, base), base, tuned)["p_value"] <= 0.05
    assert hits <= 32
