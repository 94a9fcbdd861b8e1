"""What became of the base's strategies: lost, less or kept, tested over problems."""

from typing import Any

import numpy as np

from assay.audits.strategy import fates


def shares(generator: np.random.Generator, chances: Any, problems: int = 60, n: int = 32) -> np.ndarray:
    return generator.multinomial(n, chances, problems) / n


def test_a_strategy_is_lost_only_where_it_was_used_and_is_now_hardly() -> None:
    """Code grows; prose goes from .3 to .15; tables go from .1 to 0; a drawing of .005 was too rare to look for."""
    generator = np.random.default_rng(1)
    names = ["code", "prose", "table", "drawing"]
    found = fates(shares(generator, [0.595, 0.3, 0.1, 0.005]), shares(generator, [0.85, 0.15, 0, 0]), names)
    assert {name: each["fate"] for name, each in found.items()} == {"code": "kept", "prose": "less", "table": "lost"}
    assert found["table"]["tuned"] == 0 and found["table"]["p_holm"] < 0.05


def test_resampled_strategies_are_kept() -> None:
    """200 audits of two samplings: one of the three at least is told in 5 % at most; 8 % is two errors above."""
    generator = np.random.default_rng(2)
    told = 0
    for _ in range(200):
        pair = [shares(generator, [0.6, 0.3, 0.1], problems=30) for _ in range(2)]
        told += any(each["fate"] != "kept" for each in fates(*pair, ["a", "b", "c"]).values())
    assert told / 200 < 0.08


def test_few_problems_lose_nothing() -> None:
    """Five problems that all lose it: no two-sided sign flip is below 2 / 2^5."""
    found = fates(np.tile([0.5, 0.5], (5, 1)), np.tile([1.0, 0.0], (5, 1)), ["a", "b"])
    assert found["b"]["fate"] == "kept"
