"""All tests of an audit, corrected for how many they are: what holds together, and how often luck does."""

import numpy as np
import polars as pl

from assay.audits.compare import compare
from assay.audits.together import all_tests, sentence


def comparison(*p_values):
    """Of pass@1, pass@8 and the diversity of one tuned model."""
    first, second, third = ({"estimate": 0.1, "p_value": each} for each in p_values)
    return {
        "evidence": {"K": 8, "pass_at_1": first, "pass_at_K": second},
        "diversity": {"change": third},
        "strategy": None, "reflection": None, "entropy": None, "distinct_n": None,
    }  # fmt: skip


def test_the_family_is_all_measures_of_all_models():
    """Holm by hand over .001, .01, .02, .03, .04, .5: times 6, 5, 4, ..., never falling."""
    rows = all_tests({"a": comparison(0.001, 0.02, 0.5), "b": comparison(0.01, 0.03, 0.04)})
    assert [(row["model"], row["measure"]) for row in rows[:3]] == [
        ("a", "pass@1"), ("a", "pass@8"), ("a", "distinct solutions"),
    ]  # fmt: skip
    assert np.allclose([row["p_holm"] for row in rows], [0.006, 0.08, 0.5, 0.05, 0.09, 0.09])
    assert sentence(rows) == "Of 6 tests of change, corrected for how many they are (Holm), these hold: pass@1 (a)."
    assert sentence(rows[:1]) is None


def test_luck_seldom_holds_together(tmp_path):
    """30 pairs of samplings of one model: single tests find something in many of them, the family in two at most."""
    rng = np.random.default_rng(0)
    alone = together = 0
    for pair in range(30):
        rates_M, files = rng.beta(1, 2, 24), []
        for name in ("base", "tuned"):
            right_MN = rng.random((24, 12)) < rates_M[:, None]
            strategy_MN = np.where(rng.random((24, 12)) < 0.4, "code", "prose")
            solution_MN = rng.integers(0, 4, (24, 12)).astype(str)
            rows = {
                "problem": np.repeat([str(at) for at in range(24)], 12), "correct": right_MN.ravel(),
                "strategy": strategy_MN.ravel(), "solution": solution_MN.ravel(), "answer": solution_MN.ravel(),
            }  # fmt: skip
            files.append(tmp_path / f"{pair}-{name}.parquet")
            pl.DataFrame(rows).write_parquet(files[-1])
        found = compare(files)["tests"]
        alone += any(row["p_value"] < 0.05 for row in found)
        together += any(row["p_holm"] < 0.05 for row in found)
    assert together <= 2 < alone
