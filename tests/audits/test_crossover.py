"""The crossover, by hand."""

import math

import numpy as np
from sample_rows import answers

from assay.audits.crossover import crossover, fails
from assay.stats import compare_pass_at_k


def test_the_base_catches_up_where_it_is_no_longer_below() -> None:
    """Base solves both problems at 1 of 4, tuned one of two at 3 of 4. Failing shares, base and tuned:
    k = 1: 3/4 and (1/4 + 1)/2 = 5/8; k = 2: 1/2 and (0 + 1)/2 = 1/2, a tie, so k = 2.
    """
    found = crossover(answers(4, [1, 1]), answers(4, [3, 0]), 4)
    assert found.k == 2


def test_a_tie_one_wrong_answer_earlier_is_no_crossover() -> None:
    """Tuned 4 of 5 and 1 of 5 against base 2 and 2 of 5: failing at k = 2 1/2 (0 + 6)/10 = .30 and 3/10: a tie again.

    With n = 5: base C(3,k)/C(5,k) = 3/5, 3/10, 1/10, 0, 0; tuned (C(1,k) + C(4,k))/(2 C(5,k)) = 1/2, 3/10, 1/5, ...
    """
    assert crossover(answers(5, [2, 2]), answers(5, [4, 1]), 5).k == 2
    # One more right answer of the tuned model on the second problem: (1 + 3)/10, 3/20, 1/20, 0: always ahead, to 1.
    ahead = crossover(answers(5, [2, 2]), answers(5, [4, 2]), 5)
    assert ahead.k is None
    assert "until both have reached 1, at k = 4" in ahead.reason


def test_no_lead_at_1_is_no_crossover() -> None:
    for base, tuned in (([2, 1], [1, 1]), ([2, 1], [1, 2])):
        found = crossover(answers(4, base), answers(4, tuned), 4)
        assert (found.k, found.low, found.high) == (None, None, None)
        assert "does not lead at k = 1" in found.reason


def test_a_lead_up_to_n_is_no_crossover() -> None:
    found = crossover(answers(4, [1, 0]), answers(4, [3, 1]), 4)
    assert found.k is None and found.high is None
    assert "leads at every k up to 4" in found.reason


def test_every_k_is_looked_at_not_only_powers_of_two() -> None:
    """Exact curves by the definition; k = 5, 6, 7 occur between 4 and 8."""
    generator = np.random.default_rng(1)
    seen = set()
    for _ in range(60):
        base, tuned = (answers(16, generator.integers(0, 17, 6).tolist()) for _ in range(2))
        found = crossover(base, tuned, 16)
        if compare_pass_at_k(base, tuned, 1) < 0:
            slow = next((k for k in range(2, 17) if compare_pass_at_k(base, tuned, k) >= 0), None)
            both_one = slow is not None and all(max(16 - each.correct_M) < slow for each in (base, tuned))
            assert found.k == (None if both_one else slow)
            seen.add(found.k)
    assert seen & {3, 5, 6, 7}


def test_a_catch_up_that_floats_cannot_see() -> None:
    """1,000 answers: 500 and 503 right on one problem against 501 and 501. The mean at k = 1 is 501 to 501.5.

    Late the smallest count decides: the base (501) fails less than the tuned model (500) by parts in 10^100.
    """
    base, tuned = answers(1000, [501, 501]), answers(1000, [500, 503])
    found = crossover(base, tuned, 1000)
    exact = next(k for k in range(2, 500) if compare_pass_at_k(base, tuned, k) >= 0)
    assert found.k == exact


def test_fails_are_the_binomial_quotients() -> None:
    ks = np.arange(1, 8)
    ours = fails(np.array([7, 9]), np.array([2, 0]), ks)
    np.testing.assert_allclose(ours[0], [math.comb(5, k) / math.comb(7, k) for k in ks], atol=1e-15)
    np.testing.assert_array_equal(ours[1], np.ones(7))


def test_the_interval_covers_and_its_bounds_may_be_null() -> None:
    """A population whose true crossover is known: base p = .1 on all, tuned p = .3 on 60 % and 0 on 40 %.

    1 - .9^k = .6 (1 - .7^k): at k = 5 .410 and .499, at k = 8 .570 and .565, so the true k is 8.
    """
    generator = np.random.default_rng(5)
    covered = 0
    for _ in range(16):
        solvable = generator.random(150) < 0.6
        base, tuned = (
            answers(64, generator.binomial(64, p)) for p in (np.full(150, 0.1), np.where(solvable, 0.3, 0.0))
        )
        found = crossover(base, tuned, 64)
        assert found.k is not None and found.low is not None and found.high is not None
        assert found.low <= found.k <= found.high
        covered += found.low <= 8 <= found.high
    assert covered >= 13
    # Two problems: most resamples leave one out, so that the base is ahead from the start or never catches up.
    few = crossover(answers(8, [2, 2]), answers(8, [8, 0]), 8)
    assert few.k is not None and few.low is None and few.high is None


def test_the_interval_is_the_same_every_time() -> None:
    base, tuned = answers(32, range(0, 32, 2)), answers(32, [0] * 6 + [31] * 10)
    assert crossover(base, tuned, 32) == crossover(base, tuned, 32)
