"""One step's rewards: what each function says of every sample, their weighted sum, and what to log and report."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from math import isfinite
from statistics import fmean, stdev
from types import TracebackType
from typing import Any

from assay.errors import RecipeError
from assay.policies.reward_model import RewardModel
from assay.recipe import RewardTable
from assay.rewards import combine, labels, make_reward
from assay.rewards.binary import Binary
from assay.rewards.calls import Call, Caller, Failure
from assay.rewards.models import ModelReward
from assay.rewards.signatures import TrainerState, TrlReward, UserReward, Value
from assay.tasks import Task
from assay.types import Group

BAD_STEPS = 3
"""Steps in a row in which a reward failed for every sample, or none had a reward, before training stops."""


class Rewards:
    """The reward functions of a run; `with Rewards(...) as rewards: groups, metrics = rewards(groups, step)`.

    A function that raises for all samples at once is called again for each group alone, so that one bad response loses
    its group's rewards and no others. `report` is called once for each cause of failure.

    A step is bad where a function failed for every sample, or where no sample has a reward. RecipeError is raised where
    the first step of this object is bad, and after `BAD_STEPS` bad ones in a row: training would learn nothing. Never
    where nothing is trained on them (`needed` False). Reward models are loaded to `device` in `dtype`. `task`, `seed`
    and `steps` are the run's.
    """

    def __init__(
        self,
        table: RewardTable,
        task: Task,
        seed: int,
        steps: int,
        report: Callable[[str], None],
        needed: bool = True,
        device: str = "auto",
        dtype: str = "auto",
    ) -> None:
        self.needed = needed
        self.names = table.functions
        self.labels = labels(table.functions)
        self.weights = table.weights or (1.0,) * len(table.functions)
        self.rewards = [make_reward(name, task, seed, device, dtype) for name in table.functions]
        self.steps, self.report = steps, report
        self.caller = Caller()
        self.reported: set[tuple[str, str]] = set()
        self.bad_steps = BAD_STEPS - 1
        self.judged_step: int | None = None

    @property
    def models(self) -> dict[str, RewardModel]:
        """The reward models among them, by the names that the recipe gives them."""
        pairs = zip(self.names, self.rewards, strict=True)
        return {name: reward.reward_model for name, reward in pairs if isinstance(reward, ModelReward)}

    @property
    def scorable(self) -> list[frozenset[str] | None]:
        """The problems that each reward of 1 and 0 can score; None for all."""
        return [each.problems() for each in self.rewards if isinstance(each, Binary)]

    def __enter__(self) -> "Rewards":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.caller.close()

    def __call__(self, groups: Sequence[Group], step: int) -> tuple[list[Group], dict[str, Any]]:
        """The groups with `reward` set, and the step's numbers of each function (docs/metrics.md).

        A sample is scored where every function scores it. A function that scores no sample of a group (None, in TRL
        "this is not of my kind") has no part in that group's rewards, nor has one of weight 0.
        """
        values, metrics = self._ask(groups, step)
        rewarded = []
        for group, places in zip(groups, _places(groups), strict=True):
            used = [n for n, weight in enumerate(self.weights) if weight and _scores_any(values[n], places)]
            weights = [self.weights[number] for number in used]
            rewards = [combine([values[number][place] for number in used], weights) for place in places]
            samples = zip(group.samples, rewards, strict=True)
            rewarded.append(replace(group, samples=tuple(replace(sample, reward=value) for sample, value in samples)))
        if self.needed and step != self.judged_step:  # further draws of a step are few, and no step of their own
            self._stop_where_nothing_is_learnt(values, rewarded, step)
        self.judged_step = step
        return rewarded, metrics

    def _ask(self, groups: Sequence[Group], step: int) -> tuple[list[list[Value]], dict[str, Any]]:
        """The values of each function for every sample, in order, and the numbers to log."""
        state, places = TrainerState(step, self.steps), _places(groups)
        users = {number: reward for number, reward in enumerate(self.rewards) if isinstance(reward, UserReward)}
        values = [_nothing(groups) if isinstance(each, UserReward) else each(groups, step) for each in self.rewards]
        logged: list[list[tuple[str, float | None]]] = [
            each.logged(groups) if isinstance(each, Binary) else [] for each in self.rewards
        ]

        def ask(calls: list[tuple[int, Call]]) -> None:
            results = self.caller([call for _, call in calls])
            for (number, call), result in zip(calls, results, strict=True):
                found = result if isinstance(result, Failure) else users[number].read(call, result)
                values[number][call.places] = [found] * call.count if isinstance(found, Failure) else found
                logged[number] += [] if isinstance(found, Failure) else call.logged
            for number, column in enumerate(values):
                self._report(number, column, step)

        ask([(number, call) for number, reward in users.items() for call in reward.calls(groups, state)])
        failed = [n for n, each in users.items() if isinstance(each, TrlReward) and _has_failed(values[n])]
        if failed and len(groups) > 1:
            parts = [(n, group, here.start) for n in failed for group, here in zip(groups, places, strict=True)]
            ask([(n, call) for n, group, start in parts for call in users[n].calls([group], state, start)])
        metrics: dict[str, Any] = {}
        for label, column, numbers in zip(self.labels, values, logged, strict=True):
            metrics |= _numbers(f"rewards/{label}", column, numbers)
        return values, metrics

    def _report(self, number: int, values: Sequence[Value], step: int) -> None:
        """Tells of each cause of failure the first time that it occurs."""
        name, label = self.names[number], self.labels[number]
        for failure in values:
            if isinstance(failure, Failure) and (name, failure.kind) not in self.reported:
                self.reported.add((name, failure.kind))
                self.report(
                    f"reward {name}, step {step}: {failure.what}. Samples without its value are not scored; they are "
                    f"counted in rewards/{label}/errors. This is reported once.\n{failure.trace}".rstrip()
                )

    def _stop_where_nothing_is_learnt(self, values: list[list[Value]], groups: list[Group], step: int) -> None:
        reasons = [
            f"reward {name}: no sample of step {step} has a value: {found[0].what}"
            for name, found in zip(self.names, values, strict=True)
            if _has_failed(found) and isinstance(found[0], Failure)
        ]
        if not reasons and all(sample.reward is None for group in groups for sample in group.samples):
            reasons = [f"no sample of step {step} has a reward: each lacks a value of {' or '.join(self.names)}"]
        self.bad_steps = self.bad_steps + 1 if reasons else 0
        if self.bad_steps >= BAD_STEPS:
            raise RecipeError(f"{reasons[0]}; training would learn nothing: put the reward or its data right")


def _places(groups: Sequence[Group]) -> list[range]:
    """Where the samples of each group are among all."""
    bounds = accumulate((len(group.samples) for group in groups), initial=0)
    return [range(start, stop) for start, stop in pairwise(bounds)]


def _nothing(groups: Sequence[Group]) -> list[Value]:
    return [None for group in groups for _ in group.samples]


def _scores_any(values: Sequence[Value], places: range) -> bool:
    return any(values[place] is not None for place in places)


def _has_failed(values: Sequence[Value]) -> bool:
    return all(isinstance(value, Failure) for value in values)


def _numbers(prefix: str, values: Sequence[Value], logged: Sequence[tuple[str, float | None]]) -> dict[str, Any]:
    """What one function's values come to; None where nothing is known."""
    known = [value for value in values if isinstance(value, float)]
    by_name: dict[str, list[float]] = {}
    for name, number in logged:
        by_name.setdefault(name, []).extend([number] if number is not None and isfinite(number) else [])
    return {f"{prefix}/{name}": fmean(numbers) if numbers else None for name, numbers in by_name.items()} | {
        f"{prefix}/mean": fmean(known) if known else None,
        f"{prefix}/std": stdev(known) if len(known) > 1 else None,
        f"{prefix}/errors": sum(isinstance(value, Failure) for value in values),
    }
