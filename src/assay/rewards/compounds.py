"""Compounds of rewards of 1 and 0: `ground_truth and not strategy:code` (Shao et al. 2025, arXiv 2506.10947)."""

from collections.abc import Sequence

from assay.rewards.binary import Binary
from assay.rewards.calls import Failure
from assay.rewards.signatures import Value
from assay.tasks import Task
from assay.types import Group


class All(Binary):
    """1 where all terms hold, 0 where one fails, and None or a Failure where neither is known.

    A term is a reward, and whether it is to be 1 (True) or, after `not`, 0.
    """

    def __init__(self, name: str, terms: Sequence[tuple[Binary, bool]], task: Task, seed: int) -> None:
        super().__init__(name, "", task, seed)
        self.terms = terms

    def of(self, group: Group, step: int) -> list[Value]:
        """Of each sample, whether all terms hold."""
        columns = [
            [float(value == wanted) if isinstance(value, float) else value for value in reward.of(group, step)]
            for reward, wanted in self.terms
        ]
        return [_all(values) for values in zip(*columns, strict=True)]

    def problems(self) -> frozenset[str] | None:
        """Those that every term can score."""
        found = [problems for reward, _ in self.terms if (problems := reward.problems()) is not None]
        return frozenset.intersection(*found) if found else None

    def logged(self, groups: Sequence[Group]) -> list[tuple[str, float | None]]:
        """What the terms log."""
        return [each for reward, _ in self.terms for each in reward.logged(groups)]


def _all(values: Sequence[Value]) -> Value:
    if 0.0 in values:
        return 0.0
    failures = (value for value in values if isinstance(value, Failure))
    return next(failures, None) if None in values or any(isinstance(value, Failure) for value in values) else 1.0
