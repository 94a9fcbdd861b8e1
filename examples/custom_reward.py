"""A reward of one's own, in TRL's signature.

assay train recipes/countdown-grpo.toml --set reward.functions='["verifier","custom_reward:brevity"]' \
    --set reward.weights='[1.0,0.1]'

with this folder on the path: PYTHONPATH=examples.
"""

from typing import Any


def brevity(prompts: list[Any], completions: list[Any], completion_ids: list[list[int]], **columns: Any) -> list[float]:
    """1 for an empty response, 0 for 64 tokens or more, linear between."""
    return [1 - min(len(ids), 64) / 64 for ids in completion_ids]
