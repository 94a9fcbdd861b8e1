"""Intervals over seeds and problems against hand-derived ones, and against what simulation says that they should hold.

Shape legend: S seeds, M problems.
"""

import math

import numpy as np
import pytest
from scipy.special import stdtrit
from scipy.stats import t

from assay.seeds import (
    contrast_interval,
    contrast_p_value,
    crossed_interval,
    crossed_p_value,
    over_what,
    seed_variance,
    share_interval,
)
from assay.stats import t_interval

TWO_BY_TWO = np.array([[0.0, 0.2], [0.4, 0.8]])


def test_two_by_two() -> None:
    """Means of seeds .1 and .6: MS_seed = 2 x .125; of problems .2 and .5: MS_problem = 2 x .045; residuals +-.05:
    MS_residual = 4 x .0025. So Var = (.25 + .09 - .01) / 4 = .0825; one degree of freedom everywhere, t = 12.7062, and
    the p-value is that of Cauchy's distribution at .35 / sqrt(.0825).
    """
    interval = crossed_interval(TWO_BY_TWO)
    assert interval.estimate == pytest.approx(0.35)
    assert interval.low == pytest.approx(0.35 - 12.7062 * math.sqrt(0.0825), abs=1e-4)
    assert interval.high == pytest.approx(0.35 + 12.7062 * math.sqrt(0.0825), abs=1e-4)
    assert crossed_p_value(TWO_BY_TWO) == pytest.approx(1 - 2 / math.pi * math.atan(0.35 / math.sqrt(0.0825)))
    assert seed_variance(TWO_BY_TWO) == pytest.approx(0.125 - 0.01 / 2)


def test_degrees_of_freedom_are_weighted_by_what_seeds_and_problems_add() -> None:
    """Seeds' means .1 and .7 add .18 / 2, of one degree of freedom, problems' .3, .4, .5 add .01 / 3, of two:
    1 / df = 27/28 / 1 + 1/28 / 2, so df = 56 / 55.
    """
    interval = crossed_interval(np.array([[0.0, 0.1, 0.2], [0.6, 0.7, 0.8]]))
    assert interval.high == pytest.approx(0.4 + float(stdtrit(56 / 55, 0.975)) * math.sqrt(0.28 / 3))


def test_residuals_are_not_subtracted_from_nothing() -> None:
    """[[0, .4], [.4, 0]]: all means of seeds and problems are .2, so only MS_residual = .16 is not 0."""
    interval = crossed_interval(np.array([[0.0, 0.4], [0.4, 0.0]]))
    assert interval.low is not None and interval.low < 0 < interval.estimate


def test_p_value_is_howes() -> None:
    """At p the bounds of the two terms make a right angle whose hypotenuse is the estimate; above the interval's p."""
    rng = np.random.default_rng(0)
    values_SM = 0.3 + 0.05 * rng.standard_normal((3, 1)) + 0.2 * rng.standard_normal((3, 40))
    low = crossed_interval(values_SM).low
    assert low is not None
    p = crossed_p_value(values_SM)
    seeds = values_SM.mean(axis=1).var(ddof=1) / 3
    residual_SM = values_SM - values_SM.mean(axis=1, keepdims=True) - values_SM.mean(axis=0) + values_SM.mean()
    problems = values_SM.mean(axis=0).var(ddof=1) / 40 - (residual_SM**2).sum() / (2 * 39) / (3 * 40)
    squares = t.isf(p / 2, 2) ** 2 * seeds + t.isf(p / 2, 39) ** 2 * problems
    assert math.sqrt(squares) == pytest.approx(values_SM.mean())
    assert 0.05 <= crossed_p_value(values_SM - low) < 0.1
    assert contrast_p_value(values_SM, values_SM[:2] / 2) < 0.2


def test_no_p_value_is_too_small_where_seeds_differ_by_more_than_problems() -> None:
    """Three seeds that agree by luck make the error small: with pooled degrees of freedom 4 times too many."""
    rng = np.random.default_rng(3)
    level, times = 0.005, 6000
    p_values = [
        crossed_p_value(
            0.3 * rng.standard_normal((3, 1)) + rng.standard_normal(16) + 0.1 * rng.standard_normal((3, 16))
        )
        for _ in range(times)
    ]
    assert sum(p <= level for p in p_values) <= times * level + 2.5 * math.sqrt(times * level)


def test_one_seed_is_over_problems() -> None:
    values_M = np.array([0.1, 0.5, 0.2, 0.9])
    student = t_interval(values_M)
    assert student is not None
    assert crossed_interval(values_M[None]).low == pytest.approx(student.low)
    both = contrast_interval(values_M[None], 0 * values_M[None])
    assert both.high == pytest.approx(student.high)
    assert seed_variance(values_M[None]) is None
    assert over_what(1) == "problems; one seed cannot show how seeds differ" and over_what(3) == "3 seeds and problems"


def test_an_arm_of_one_seed_is_taken_to_vary_as_the_other() -> None:
    """b has one seed. Seeds of a have means .1 and .6, variance .125, of which residuals explain .005: both arms
    together add .125 x (1/2 + 1), and the problems' part is the variance of a - b, .045 / 2, less .005 x 1.5.
    """
    interval = contrast_interval(TWO_BY_TWO, np.array([[0.0, 0.0]]))
    variance = 0.125 * 1.5 + (0.045 / 2 - 0.005 * 1.5)
    assert interval.high == pytest.approx(0.35 + 12.7062 * math.sqrt(variance), abs=1e-4)


def test_arms_are_compared_problem_by_problem() -> None:
    """What is common to both arms' problems is not in the interval of their difference."""
    rng = np.random.default_rng(1)
    hard_M, noise_SM = rng.random(50), 0.01 * rng.standard_normal((6, 50))
    a_SM, b_SM = hard_M + noise_SM[:3] + 0.02, hard_M + noise_SM[3:]
    interval = contrast_interval(a_SM, b_SM)
    assert interval.low is not None and interval.low > 0.01
    mirrored = contrast_interval(b_SM, a_SM)
    assert mirrored.high == pytest.approx(-interval.low)


def test_nothing_varies() -> None:
    """None of 32 problems moved: at most 1 - .025^(1/32) = .1089 of others do. All moved alike: 2 x 2^-32 by signs."""
    interval = crossed_interval(np.zeros((3, 32)))
    assert (interval.low, interval.high) == pytest.approx((-0.1089, 0.1089), abs=1e-4)
    assert crossed_p_value(np.zeros((3, 32))) == 1 and crossed_p_value(np.full((3, 32), 0.1)) == pytest.approx(2**-31)
    assert crossed_interval(np.full((2, 32), 0.1), shares=False).low is None
    assert contrast_interval(np.full((2, 32), 7.0), np.zeros((2, 32)), shares=False).high is None


def test_fieller_by_hand() -> None:
    """One seed, four problems. N = .15, D = .5, variances .01/12 and .02/12, covariance .01/12, t^2 = 10.1280: the
    roots of (D^2 - t^2 V_D) r^2 - 2 (N D - t^2 C) r + N^2 - t^2 V_N = .23312 r^2 - 2 x .06656 r + .01406.
    """
    part_SM, whole_SM = np.array([[0.2, 0.3, 0.2, 0.3]]), np.array([[0.5, 0.6, 0.6, 0.7]])
    share = share_interval(part_SM, whole_SM, np.full(4, 0.1))
    assert share.estimate == pytest.approx(0.3) and share.reason is None
    assert (share.low, share.high) == pytest.approx((0.1399, 0.4311), abs=1e-3)


def test_a_share_of_no_gain_is_not_told() -> None:
    rng = np.random.default_rng(2)
    noise_SM = 0.1 * rng.standard_normal((6, 40))
    share = share_interval(noise_SM[:3], noise_SM[3:], np.zeros(40))
    assert (share.estimate, share.low, share.high) == (None, None, None)
    assert share.reason is not None and "not shown to differ from 0" in share.reason


def arm(rng: np.random.Generator, seeds: int, problem_M: np.ndarray, seed: float, residual: float) -> np.ndarray:
    """Values of an arm of mean 0 over seeds."""
    noise_SM = residual * rng.standard_normal((seeds, len(problem_M)))
    return problem_M + seed * rng.standard_normal((seeds, 1)) + noise_SM


@pytest.mark.parametrize("seeds", [3, 5])
def test_new_seeds_and_problems_are_covered(seeds: int) -> None:
    """Seeds add as much to the variance as problems do: coverage within 2 points of 95 %, and the simulations' error
    of .5 points.
    """
    rng, inside, times = np.random.default_rng(seeds), 0, 2000
    for _ in range(times):
        values_SM = arm(rng, seeds, 0.2 * rng.standard_normal(64), 0.025 * math.sqrt(seeds), 0.1)
        interval = crossed_interval(values_SM)
        assert interval.low is not None and interval.high is not None
        inside += interval.low <= 0 <= interval.high
    assert 0.93 <= inside / times <= 0.97


def test_two_arms_of_one_recipe_differ_in_at_most_one_of_twenty() -> None:
    """Seeds that vary by 2 points are no difference between arms: 2,000 contrasts, within Monte Carlo error."""
    rng, called, times = np.random.default_rng(0), 0, 2000
    for _ in range(times):
        problem_M = 0.3 * rng.standard_normal(64)
        arms = [arm(rng, 3, problem_M, 0.02, 0.08) for _ in range(2)]
        interval = contrast_interval(*arms)
        assert interval.low is not None and interval.high is not None
        called += not interval.low <= 0 <= interval.high
    assert called / times <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / times)


def test_the_true_share_is_covered() -> None:
    """Part gains .1 of a whole gain of .2, three seeds each: the share .5 is inside in about 95 % of those told."""
    rng, inside, told = np.random.default_rng(3), 0, 0
    for _ in range(400):
        gain_M = 0.1 * rng.standard_normal(64)
        part_SM = arm(rng, 3, 0.1 + gain_M / 2, 0.01, 0.05)
        share = share_interval(part_SM, arm(rng, 3, 0.2 + gain_M, 0.03, 0.05), np.zeros(64))
        if share.low is not None and share.high is not None:
            told, inside = told + 1, inside + (share.low <= 0.5 <= share.high)
    assert told > 350 and 0.93 <= inside / told <= 0.99
