"""Which keys of metrics.jsonl make a training figure, and what each means (docs/metrics.md)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from assay.report.lines import DASHED, SOLID
from assay.report.look import MUTED, SERIES
from assay.report.words import compact, decimal, number, percent

TRAINING, HELD_OUT, OTHER, FOURTH = SERIES[0], SERIES[1], SERIES[2], SERIES[3]


@dataclass(frozen=True)
class Series:
    """One curve: its key, its name in words, colour; low and high are the keys of its band."""

    key: str
    label: str
    colour: str = TRAINING
    low: str = ""
    high: str = ""
    dash: Sequence[int] = SOLID
    dots: bool = False


@dataclass(frozen=True)
class Panel:
    """A figure of one or more series; drawn where the run has logged any of their keys."""

    name: str
    title: str
    y: str
    method: str
    series: Sequence[Series]
    show: Callable[[float], str] = compact
    y_format: str = ""
    y_domain: tuple[float, float] | None = None
    y_zero: bool = True
    wide: bool = False
    zero: bool = False


PANELS = (
    Panel(
        "accuracy",
        "Accuracy on training samples and on held-out problems",
        "share right",
        "Share of right answers: rewards/true/mean of each step's samples, eval/pass@1 on held-out problems with "
        "its 95\u202f% interval over problems.",
        (
            Series("rewards/true/mean", "training samples"),
            Series("eval/pass@1", "held-out problems", HELD_OUT, "eval/low", "eval/high", dots=True),
        ),
        decimal,
        ".1f",
        (0.0, 1.0),
        wide=True,
    ),
    Panel(
        "reward",
        "Reward",
        "reward",
        "reward: mean over the step's samples of what the recipe trains on; reward_std: mean over groups of the "
        "standard deviation within a group.",
        (Series("reward", "mean"), Series("reward_std", "spread within groups", OTHER, dash=DASHED)),
        decimal,
    ),
    Panel(
        "no_signal",
        "Groups that teach nothing",
        "share of groups",
        "frac_reward_zero_std: groups in which all samples have the same reward, so that every advantage is 0; "
        "frac_groups_all_right: those of them that are all right.",
        (
            Series("frac_reward_zero_std", "all the same"),
            Series("frac_groups_all_right", "all right", OTHER, dash=DASHED),
        ),
        percent,
        "~%",
        (0.0, 1.0),
    ),
    Panel(
        "entropy",
        "Entropy",
        "nats a token",
        "entropy: mean entropy of the policy's next-token distribution over the tokens it chose.",
        (Series("entropy", "entropy"),),
        decimal,
    ),
    Panel(
        "kl",
        "Distance from the base (KL)",
        "nats a token",
        "kl: the recipe's estimate of the KL divergence from the base, mean over tokens; logged with kl_coef above 0.",
        (Series("kl", "KL"),),
    ),
    Panel(
        "lengths",
        "Length of the responses",
        "tokens",
        "completions/mean_length with the band from shortest to longest; eval/mean_length on held-out problems.",
        (
            Series(
                "completions/mean_length",
                "training samples",
                low="completions/min_length",
                high="completions/max_length",
            ),
            Series("eval/mean_length", "held-out problems", HELD_OUT, dots=True),
        ),
        number,
    ),
    Panel(
        "truncation",
        "Truncated responses",
        "share of responses",
        "Responses cut off by the length limit: completions/clipped_ratio in training, eval/truncated held out.",
        (
            Series("completions/clipped_ratio", "training samples"),
            Series("eval/truncated", "held-out problems", HELD_OUT, dots=True),
        ),
        percent,
        "~%",
    ),
    Panel(
        "clipping",
        "Clipping of the probability ratio",
        "share of tokens",
        "clip_ratio/...: tokens whose ratio of new to old probability lies outside a clip bound where it matters; "
        "none with one update a batch.",
        (
            Series("clip_ratio/low_mean", "below the lower bound"),
            Series("clip_ratio/high_mean", "above the upper bound", HELD_OUT),
            Series("clip_ratio/region_mean", "either", MUTED, dash=DASHED),
        ),
        lambda share: percent(share, 2),
        "~%",
    ),
    Panel(
        "grad_norm",
        "Gradient norm",
        "norm",
        "grad_norm: before clipping, mean over the step's updates.",
        (Series("grad_norm", "gradient norm"),),
    ),
    Panel(
        "loss",
        "Loss",
        "loss",
        "loss: mean over the step's updates. Its level says little: advantages sum to about zero.",
        (Series("loss", "loss"),),
        y_zero=False,
        zero=True,
    ),
    Panel(
        "learning_rate",
        "Learning rate",
        "learning rate",
        "learning_rate: of the step's first update.",
        (Series("learning_rate", "learning rate"),),
        y_format=".1~e",
    ),
    Panel(
        "speed",
        "Time of a step",
        "seconds",
        "step_time and its parts.",
        (
            Series("step_time", "whole step", MUTED, dash=DASHED),
            Series("time/rollout", "rollout", TRAINING),
            Series("time/train", "training", HELD_OUT),
            Series("time/reward", "reward", OTHER),
            Series("time/evaluation", "evaluation", FOURTH, dots=True),
        ),
        lambda seconds: f"{seconds:.2f} s",
    ),
    Panel(
        "grading",
        "Responses that could not be judged",
        "share of responses",
        "grading/unknown_rate, and of it the verifier's timeouts and errors; the rest are unreadable golds.",
        (
            Series("grading/unknown_rate", "not judged"),
            Series("grading/error_rate", "error", HELD_OUT),
            Series("grading/timeout_rate", "timeout", OTHER),
        ),
        percent,
        "~%",
    ),
    Panel(
        "padding",
        "Padding waste",
        "share of tokens",
        "padding_waste: share of the tokens computed in training that are padding.",
        (Series("padding_waste", "padding"),),
        percent,
        "~%",
    ),
    Panel(
        "num_tokens",
        "Tokens trained on",
        "tokens",
        "num_tokens: prompt and response tokens of the samples trained on.",
        (Series("num_tokens", "tokens"),),
        number,
        "~s",
    ),
    Panel(
        "mismatch",
        "Sampler against trainer",
        "nats a token",
        "sampling/sampling_logp_difference: absolute difference of the log-probabilities of sampler and trainer; "
        "logged with several updates a step.",
        (
            Series("sampling/sampling_logp_difference/max", "largest", MUTED, dash=DASHED),
            Series("sampling/sampling_logp_difference/mean", "mean"),
        ),
    ),
)
NOT_DRAWN = (
    *("eval/problems", "eval/samples", "unknown", "unscored", "time/grading"),
    *("eval/pairs", "eval/tokens", "eval/rows"),
    *("rewards/verifier/mean", "rewards/verifier/std", "rewards/verifier/errors"),
)
"""Constants, and what another curve shows already: the verifier's value is rewards/true."""
