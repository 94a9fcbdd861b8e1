"""Comparisons as token ids, in micro-batches."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    comparisons: Sequence[Comparison], reward_model: RewardModel, template: str, max_tokens: int
) -> tuple[list[Tokenized], int]:
    """Those that are short enough, and how many are not. Raises DataError where none is."""
    found = []
    for each in comparisons:
        rows = tuple(reward_model.token_ids(each.prompt, response, template) for response in each.responses)
        found.append(Tokenized(rows, each.pairs, each.margin, each))
    kept = [each for each in found if each.longest <= max_tokens]
    if found and not kept:
        raise DataError(
            f"every comparison is longer than preferences.max_tokens = {max_tokens} (the shortest has "
            f"{min(each.longest for each in found)} tokens); raise it"
        )
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
