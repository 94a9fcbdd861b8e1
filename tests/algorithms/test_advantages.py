import math

import pytest

from assay.algorithms.advantages import centred, standardised


def test_hand_derived():
    # mean 1/4; deviations 3/4 and -1/4; variance (9 + 3)/16 / 3 = 1/4, so std 1/2
    assert standardised([1, 0, 0, 0], epsilon=0) == [1.5, -0.5, -0.5, -0.5]
    assert centred([1, 0, 0, 0]) == [0.75, -0.25, -0.25, -0.25]


@pytest.mark.parametrize("value", [0.1, 0.7, 1 / 3, 1e-9, 1e9])
def test_constant_groups_are_exactly_zero(value):
    for size in range(2, 65):
        assert standardised([value] * size, epsilon=1e-9) == [0.0] * size


def test_unknown_rewards_leave_the_statistics():
    assert standardised([1, None, 0, None], epsilon=0) == pytest.approx([math.sqrt(0.5), 0, -math.sqrt(0.5), 0])
    assert centred([None, 1.0]) == [0.0, 0.0]
    assert standardised([None, None]) == [0.0, 0.0]


def test_group_of_one_has_no_advantage():
    assert standardised([1.0]) == [0.0]
