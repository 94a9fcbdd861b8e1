"""Comparisons as token ids, in micro-batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from assay.errors import DataError
from assay.policies.reward_model import RewardModel
from assay.preferences import Comparison, Pair


@dataclass(frozen=True, slots=True)
class Tokenized:
    """A comparison whose responses are token ids, prompt and end of sequence included."""

    rows: tuple[list[int], ...]
    pairs: tuple[Pair, ...]
    margin: float
    comparison: Comparison

    @property
    def longest(self) -> int:
        """Tokens of its longest row."""
        return max(map(len, self.rows))


def tokenize(
    comparisons: Sequence[Comparison], file: Path, reward_model: RewardModel, template: str, max_tokens: int
) -> tuple[list[Tokenized], int]:
    """Those short enough for the recipe and the model, and how many are not. Raises DataError where none is."""
    most = min(max_tokens, reward_model.max_positions or max_tokens)
    found = []
    for each in comparisons:
        rows = tuple(reward_model.token_ids(each.prompt, response, template) for response in each.responses)
        found.append(Tokenized(rows, each.pairs, each.margin, each))
    kept = [each for each in found if each.longest <= most]
    if found and not kept:
        limit = f"preferences.max_tokens = {most}" if most == max_tokens else f"the {most} {reward_model.name} can read"
        shortest = min(each.longest for each in found)
        raise DataError(f"{file}: every comparison has more tokens than {limit} (the shortest has {shortest})")
    return kept, len(found) - len(kept)


def by_token_budget(data: Sequence[Tokenized], tokens: int) -> list[list[Tokenized]]:
    """Comparisons of similar length together, each part of at most `tokens` tokens with padding (one at least)."""
    parts: list[list[Tokenized]] = []
    rows = 0
    for each in sorted(data, key=lambda item: -item.longest):
        if parts and (rows + len(each.rows)) * parts[-1][0].longest <= tokens:
            parts[-1].append(each)
            rows += len(each.rows)
        else:
            parts.append([each])
            rows = len(each.rows)
    return parts
