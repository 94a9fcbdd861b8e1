"""Power as it is told against hand-derived numbers and against simulated experiments."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.audits.power import (
    Difficulty,
    Setting,
    difficulty_of,
    draw_chances,
    limits,
    needed,
    power,
    smallest_change,
    variance,
)
from assay.audits.sources import load
from assay.errors import DataError
from assay.seeds import contrast_interval, crossed_interval, crossed_p_value

PLAIN = Setting(problems=100, answers=10, seeds=1, difficulty=Difficulty(0.5), change_spread=0.1, seed_spread=0.02)


def test_variance_by_hand() -> None:
    """An answer varies by .5 x .5 x .5 = .125 within a problem. One seed against its base: .01 of changes, .0125 of the
    base's luck and as much of the arm's, over 100 problems; of 4 seeds the luck is a quarter, and seeds add .0004 / 4.
    """
    assert variance(PLAIN, 0.0) == pytest.approx((0.035 / 100, 0))
    four = replace(PLAIN, seeds=4)
    assert variance(four, 0.0) == pytest.approx((0.0225 / 100, 0.0125 / 400 + 0.0001))
    assert variance(replace(four, arms=2), 0.0) == pytest.approx((0.01 / 100, 2 * (0.0125 / 400 + 0.0001)))


def test_one_seed_by_the_normal_distribution() -> None:
    """Half the interval is t_99 = 1.98422 errors of sqrt(.00035); a change of that much is seen half of the time."""
    half = 1.98422 * math.sqrt(0.035 / 100)
    assert power(replace(PLAIN, difficulty=Difficulty(0.5)), 0.0) == pytest.approx(0.05, abs=0.003)
    assert power(PLAIN, half) == pytest.approx(0.5, abs=0.005)


def test_there_is_no_room_above_one() -> None:
    easy = replace(PLAIN, difficulty=Difficulty(0.95))
    assert power(easy, 0.1) is None and needed(easy, 0.1, "problems") is None and power(easy, 0.04) is not None


@pytest.mark.parametrize("seeds", [1, 3])
def test_what_is_needed_is_enough_and_one_less_is_not(seeds: int) -> None:
    setting = replace(PLAIN, seeds=seeds, seed_spread=0.005)
    for what in ("problems", "answers"):
        for change in (0.047, 0.05, 0.053, 0.056):
            number = needed(setting, change, what)
            assert number is not None and number > 1
            assert reached(setting, what, number, change) >= 0.8 > reached(setting, what, number - 1, change)


def reached(setting: Setting, what: str, number: int, change: float) -> float:
    fields: dict[str, Any] = {what: number}
    found = power(replace(setting, **fields), change)
    assert found is not None
    return found


def test_seeds_and_problems_each_set_a_floor() -> None:
    """With changes that spread by .1, no number of answers shows less than problems allow; no number of problems shows
    less than 2.8 spreads of three seeds; and more problems than there are never make it worse.
    """
    setting = replace(PLAIN, seeds=3)
    least, now = limits(setting), smallest_change(setting)
    assert now is not None and all(each is not None and each <= now for each in least.values())
    assert least["answers"] > 2.8 * 0.1 / math.sqrt(100) and least["problems"] > 2.8 * 0.02 / math.sqrt(3)
    assert needed(setting, 0.9 * least["problems"], "problems") is None


def test_two_seeds_are_no_surer_of_very_many_problems() -> None:
    """All that is left is how two seeds differ, of one degree of freedom: fewer problems do better, and are found."""
    setting = replace(PLAIN, seeds=2, seed_spread=0.01)
    assert power(replace(setting, problems=10**6), 0.1) < 0.8 < power(setting, 0.1)
    number = needed(setting, 0.1, "problems")
    assert number is not None and number < 100
    assert limits(setting)["problems"] == smallest_change(setting)


@pytest.mark.parametrize(("seeds", "change"), [(3, 0.08), (5, 0.05)])
def test_power_among_many_tests_is_what_p_values_below_their_part_see(seeds: int, change: float) -> None:
    setting = Setting(64, 32, seeds, Difficulty(0.5, 0.02), 0.05, 0.01, tests=20)
    rng, seen, times = np.random.default_rng(seeds), 0, 500
    for _ in range(times):
        base_M = draw_chances(setting.difficulty, 64, rng)
        arm_SM = base_M + change + 0.05 * rng.standard_normal(64) + 0.01 * rng.standard_normal((seeds, 1))
        gains_SM = rng.binomial(32, arm_SM) / 32 - rng.binomial(32, base_M) / 32
        seen += crossed_p_value(gains_SM) < 0.05 / 20
    found = power(setting, change)
    assert found is not None and 0.1 < found < 0.95
    assert found == pytest.approx(seen / times, abs=0.08)
    alone = power(replace(setting, tests=1), change)
    assert alone is not None and alone > found


@pytest.mark.parametrize(("seeds", "arms"), [(1, 1), (3, 1), (3, 2)])
def test_power_is_what_simulated_experiments_see(seeds: int, arms: int) -> None:
    """800 experiments: an error of .018, so within .06. Chances stay within 0 and 1 here, so the spreads are exact."""
    setting = Setting(64, 32, seeds, Difficulty(0.5, 0.02), 0.05, 0.01, arms)
    rng, change, seen, times = np.random.default_rng(seeds + arms), 0.03, 0, 800
    for _ in range(times):
        base_M = draw_chances(setting.difficulty, 64, rng)
        arm_M = base_M + change + 0.05 * rng.standard_normal(64)
        seed_AS = 0.01 * (seeds > 1) * rng.standard_normal((2, seeds, 1))
        arm_SM, other_SM = (rng.binomial(32, p_SM) / 32 for p_SM in (arm_M + seed_AS[0], base_M + seed_AS[1]))
        if arms == 1:
            interval = crossed_interval(arm_SM - rng.binomial(32, base_M) / 32)
        else:
            interval = contrast_interval(arm_SM, other_SM)
        assert interval.low is not None
        seen += interval.low > 0
    assert power(setting, change) == pytest.approx(seen / times, abs=0.06)


def test_chances_have_their_mean_and_spread() -> None:
    """Variance over problems is the share `alike` of mean x (1 - mean)."""
    chances_M = draw_chances(Difficulty(0.3, 0.4), 200_000, np.random.default_rng(0))
    assert (chances_M.mean(), chances_M.var()) == pytest.approx((0.3, 0.4 * 0.21), abs=0.003)
    assert set(draw_chances(Difficulty(0.3, 1), 50, np.random.default_rng(0))) == {0, 1}
    assert set(draw_chances(Difficulty(0.3, 0), 50, np.random.default_rng(0))) == {0.3}


def counts(path: Path, right: list[int], n: int = 4) -> Path:
    lines = [json.dumps({"problem": f"p{at}", "n": n, "correct": each}) for at, each in enumerate(right)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_difficulty_of_a_file(tmp_path: Path) -> None:
    """0, 2 and 4 right of 4: the mean is .5; within the second problem 2 x 2 / (4 x 3) = 1/3, a third of that on
    average, 1/9 of .25, so 1 - 4/9 of the variance lies between problems.
    """
    found = difficulty_of(load(counts(tmp_path / "base.jsonl", [0, 2, 4])))
    assert (found.pass_at_1, found.alike) == pytest.approx((0.5, 5 / 9))


def test_files_that_tell_nothing(tmp_path: Path) -> None:
    for right, n, why in ([0, 0], 4, "every answer is wrong"), ([1, 0], 1, "no problem has two judged answers"):
        with pytest.raises(DataError, match=why):
            difficulty_of(load(counts(tmp_path / f"{n}.jsonl", right, n)))
