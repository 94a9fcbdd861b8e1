"""The simulation of coverage: its other interval is what it is named after, populations change by what is asked."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import stdtrit

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from interval_coverage import fitted, rates, satterthwaite, several_seeds, simulated

from assay.seeds import crossed_interval


def test_satterthwaite_has_the_same_variance() -> None:
    """On 2 x 2 both terms have one degree of freedom: shares 25/33 and 8/33 give df = 33^2 / (25^2 + 8^2), not 1."""
    values_SM = np.array([[0.0, 0.2], [0.4, 0.8]])
    found, ours = satterthwaite(values_SM), crossed_interval(values_SM)
    assert found.high is not None and ours.high is not None
    assert found.high == pytest.approx(0.35 + float(stdtrit(33**2 / (25**2 + 8**2), 0.975)) * 0.0825**0.5)
    assert found.high < ours.high


def test_the_fitted_shift_changes_pass_at_1_by_what_is_asked() -> None:
    setting, shift, spread = fitted(64, 16, 3, 2, 0.03)
    assert 0.02 < shift < 0.06 and spread == 0.01 and 0.005 < setting.seed_spread < 0.01
    assert simulated(setting, shift, spread, np.random.default_rng(0))() in (True, False)


def test_a_row_has_a_cell_a_column() -> None:
    rows = several_seeds(2)
    first, second = next(rows), next(rows)
    assert first[:4] == ["even", "32", "1", "0.01"] and first[5] == "-" and second[3] == "0.03" and len(second) == 8
    assert rates(np.ones(3), 4, np.random.default_rng(0)).tolist() == [1, 1, 1]
