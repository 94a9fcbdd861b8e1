"""What the workers of the task `reasoning_gym` run: one answer and the data set's own scorer."""

import contextlib
import io
import pickle
from functools import lru_cache
from typing import Any

from assay.registry import resolve

DATASETS = "reasoning_gym.factory:DATASETS"
"""The package's registry: data set -> its class and that of its configuration."""


@lru_cache(maxsize=16)
def dataset(name: str, config: bytes) -> Any:
    """The data set `name` with a pickled configuration."""
    return resolve(DATASETS)[name][0](pickle.loads(config))


def score(item: dict[str, Any]) -> bool | str:
    """Whether the scorer gives the answer exactly 1.0; or what it raised, where that is the answer's doing.

    `item` holds dataset, config, answer and entry. What a scorer raises on an answer is the answer's doing where the
    same scorer gives the gold 1.0; else it is a fault of the scorer, and raised.
    """
    scorer = dataset(item["dataset"], item["config"])
    entry = item["entry"]
    with contextlib.redirect_stdout(io.StringIO()):  # some scorers print
        try:
            return bool(scorer.score_answer(item["answer"], entry) == 1.0)
        except MemoryError:
            raise
        except Exception as error:
            if scorer.score_answer(entry["answer"], entry) == 1.0:
                return f"{type(error).__name__}: {error}"[:200]
            raise
