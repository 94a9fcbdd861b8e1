"""From sampled groups to rewards and advantages, in one place.

Correctness, the reward that is trained on, that reward as shaped, and the advantage stay four things: `scores["true"]`,
`reward`, `shaped_reward`, `advantage`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

from assay.algorithms.base import Algorithm
from assay.tasks import Task, verify_all
from assay.types import Group, Sample, Score, Stop, Verdict

ERRORS = ("crash", "memory", "error", "verifier error")
"""How the reason of an UNKNOWN score begins where the verifier itself failed."""


def verify(groups: Sequence[Group], task: Task) -> list[Group]:
    """The groups with the task's score on every sample, under the name "true"."""
    scores = iter(verify_all(task, [(group.prompt, sample.text) for group in groups for sample in group.samples]))
    return [
        replace(
            group,
            samples=tuple(replace(sample, scores={**sample.scores, "true": next(scores)}) for sample in group.samples),
        )
        for group in groups
    ]


def shape(groups: Sequence[Group], algorithm: Algorithm, max_tokens: int) -> list[Group]:
    """The groups with `shaped_reward` set: the reward less the penalty for length.

    It stays None where there is no reward, and where a truncated sample is to leave its group's statistics.
    """

    def shaped(sample: Sample) -> float | None:
        if sample.reward is None or (algorithm.truncated == "drop" and sample.stop is Stop.LENGTH):
            return None
        return sample.reward - overlong_penalty(sample.length_tokens, max_tokens, algorithm.overlong)

    return [
        replace(group, samples=tuple(replace(sample, shaped_reward=shaped(sample)) for sample in group.samples))
        for group in groups
    ]


def overlong_penalty(length: int, max_tokens: int, share: float) -> float:
    """0 up to (1 - share) of the room, then rising to 1 where it is full: DAPO, arXiv 2503.14476, eq. 13.

    >>> [overlong_penalty(length, 100, 0.2) for length in (80, 90, 100)]
    [0.0, 0.5, 1.0]
    """
    buffer = round(share * max_tokens)
    return max(0, length - (max_tokens - buffer)) / buffer if buffer else 0.0


def advantage(groups: Sequence[Group], algorithm: Algorithm) -> list[Group]:
    """The groups with `advantage` set, and `step_advantages` where the algorithm credits steps apart."""
    found = []
    for group, values in zip(groups, algorithm.advantages([group.samples for group in groups]), strict=True):
        by_step: Sequence[tuple[float, ...] | None] = algorithm.step_advantages(group.samples) or [None] * len(values)
        samples = tuple(
            replace(sample, advantage=value, step_advantages=steps)
            for sample, value, steps in zip(group.samples, values, by_step, strict=True)
        )
        found.append(replace(group, samples=samples))
    return found


def trained_on(groups: Sequence[Group], truncated: str, needs_reward: bool = True) -> list[Sample]:
    """The samples whose tokens enter the loss: the scored ones, less the truncated ones where these are left out.

    An algorithm that needs no reward trains on the others too.
    """
    samples = [
        sample for group in groups for sample in group.samples if sample.shaped_reward is not None or not needs_reward
    ]
    return samples if truncated == "keep" else [sample for sample in samples if sample.stop is not Stop.LENGTH]


def _share_of_groups(groups: Sequence[Group], verdict: Verdict) -> float:
    return sum(all(s.scores["true"].verdict is verdict for s in group.samples) for group in groups) / len(groups)


def batch_metrics(groups: Sequence[Group], grading_seconds: float) -> dict[str, Any]:
    """Numbers of one batch of samples, under TRL's names; None where nothing is known (docs/metrics.md).

    `grading_seconds` is the wall time that the verifier took.
    """
    samples = [sample for group in groups for sample in group.samples]
    lengths = [sample.length_tokens for sample in samples]
    rewards = [sample.reward for sample in samples if sample.reward is not None]
    known = [[s.reward for s in group.samples if s.reward is not None] for group in groups]
    spreads = [stdev(values) for values in known if len(values) > 1]
    constant = [values for values in known if values and max(values) - min(values) <= 1e-8]
    verdicts = [sample.scores["true"].correct for sample in samples]
    judged = [verdict for verdict in verdicts if verdict is not None]
    return {
        "reward": fmean(rewards) if rewards else None,
        "reward_std": fmean(spreads) if spreads else None,
        "frac_reward_zero_std": len(constant) / len(groups),
        "frac_groups_all_right": _share_of_groups(groups, Verdict.RIGHT),
        "frac_groups_all_wrong": _share_of_groups(groups, Verdict.WRONG),
        "rewards/true/mean": fmean(judged) if judged else None,
        "unknown": len(verdicts) - len(judged),
        "unscored": len(samples) - len(rewards),
        "completions/mean_length": fmean(lengths),
        "completions/min_length": min(lengths),
        "completions/max_length": max(lengths),
        "completions/clipped_ratio": sum(sample.stop is Stop.LENGTH for sample in samples) / len(samples),
    } | _grading_metrics([sample.scores["true"] for sample in samples], grading_seconds)


def _grading_metrics(scores: Sequence[Score], seconds: float) -> dict[str, float]:
    """How fast the verifier judged, and what share it could not judge; of these, what the reasons say.

    Where it ran programs, also how these ended.
    """
    faults = [score.reason or "" for score in scores if score.verdict is Verdict.UNKNOWN]
    return {
        "grading/throughput": len(scores) / seconds,
        "grading/unknown_rate": len(faults) / len(scores),
        "grading/error_rate": sum(fault.startswith(ERRORS) for fault in faults) / len(scores),
        "grading/timeout_rate": sum(fault.startswith("timeout") for fault in faults) / len(scores),
    } | _program_metrics([score for score in scores if score.tier == "tests"])


def _program_metrics(scores: Sequence[Score]) -> dict[str, float]:
    """How programs ended that tests judged; nothing where there were none."""
    if not scores:
        return {}
    ends = Counter((score.reason or "").partition(":")[0] for score in scores)
    return {"grading/programs": len(scores), "grading/killed_rate": ends["killed"] / len(scores)} | {
        f"grading/program_{kind}_rate": ends[kind] / len(scores) for kind in ("exception", "timeout", "memory")
    }
