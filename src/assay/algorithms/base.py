"""What an algorithm is: advantage x surrogate x aggregation, and the options that all share.

An algorithm is a class of a few lines in a file of its own: its options with their defaults, `group_advantages`, and a
`surrogate`; the rest is here. docs/algorithms.md adds one step by step.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator
from torch import Tensor

from assay.algorithms import kl, surrogates
from assay.algorithms.advantages import Rewards, standardised
from assay.algorithms.aggregate import Aggregation
from assay.algorithms.returns import return_to_go
from assay.batch import Batch, LossTerm, TokenStats
from assay.config import Strict
from assay.types import Sample

LowBound = Annotated[float, Field(gt=0, le=1)]
"""How far below 1 a ratio may fall: at 1 it is never clipped."""
HighBound = Annotated[float, Field(gt=0)]
Coefficient = Annotated[float, Field(ge=0)]
KlPlace = Literal["loss", "reward"]
KlEstimator = Literal["k1", "k2", "k3", "k3+", "exact"]


@dataclass(frozen=True, slots=True)
class CriticOptions:
    """A critic: with a model of its own or on the policy's states; its learning rate, None for the policy's."""

    separate: bool
    learning_rate: float | None


class Algorithm(Strict, ABC):
    """The options that all algorithms share, and what each must say."""

    needs_group: ClassVar[bool] = True
    """Whether a group of one sample says nothing."""
    needs_spread: ClassVar[bool] = True
    """Whether a group whose rewards are all the same says nothing."""
    counts_right: ClassVar[bool] = False
    """Whether rewards must be 0 and 1."""
    needs_step_verdicts: ClassVar[bool] = False
    """Whether the task has to judge each step."""
    needs_reward: ClassVar[bool] = True
    """Whether a response without a reward says nothing."""
    needs_teacher: ClassVar[bool] = False
    """Whether it learns from `model.teacher`."""

    updates: int = Field(1, ge=1)
    """Optimiser updates for each batch of samples."""
    truncated: Literal["keep", "mask", "drop"] = "keep"
    """Truncated responses: train on them; leave them out of the loss; or out of loss and group statistics."""
    aggregation: Aggregation = "sequence"
    """How losses per token become one number (`assay.algorithms.aggregate`)."""
    overlong: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Soft overlong penalty: over this last share of max_new_tokens the reward falls by up to 1 (DAPO)."""
    refill: int = Field(0, ge=0)
    """Dynamic sampling: groups without spread are replaced, by at most so many more draws of prompts a step (DAPO)."""
    entropy_coef: Coefficient = 0.0
    """Entropy bonus: what is subtracted from the loss for each nat."""
    kl_coef: Coefficient = 0.0
    """Penalty for each nat of KL from the reference."""
    kl_measure: bool = False
    """Log the KL from the reference also where nothing is penalised for it."""
    kl_in: KlPlace = "loss"
    kl_estimator: KlEstimator = "k3"
    """See `assay.algorithms.kl`; in the reward it is k1."""
    kl_target: Coefficient = 0.0
    """Nats a response that the coefficient is adapted to; 0 for a fixed one."""
    kl_horizon: int = Field(10_000, ge=1)
    """Samples over which the coefficient adapts."""
    reference_reset: int = Field(0, ge=0)
    """Steps after which the reference becomes the policy, and the optimiser starts anew (ProRL); 0 for never."""

    @model_validator(mode="after")
    def _counts_what_is_right(self) -> "Algorithm":
        if self.counts_right and self.overlong:
            raise ValueError(
                "it counts responses of reward 0 and 1, and overlong makes other rewards of them; set overlong = 0"
            )
        return self

    @model_validator(mode="after")
    def _kl_fits(self) -> "Algorithm":
        if self.kl_coef == 0 and (self.kl_target or self.reference_reset):
            key = "reference_reset" if self.reference_reset else "kl_target"
            raise ValueError(
                f"{key} is given, but kl_coef is 0, so nothing looks at the reference; give kl_coef too, or {key} = 0"
            )
        if self.kl_coef and self.kl_in == "reward" and self.kl_estimator != "k1":
            raise ValueError(
                f"kl_in 'reward' with kl_estimator {self.kl_estimator!r}: in the reward only k1 has the gradient of "
                "the KL; set kl_estimator = 'k1', or kl_in = 'loss'"
            )
        return self

    def advantages(self, groups: Sequence[Sequence[Sample]]) -> list[list[float]]:
        """What the shaped rewards of a step make of each of its samples, group by group; 0.0 for those without one."""
        return [self.group_advantages(samples_G) for samples_G in groups]

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """Of one group: here, (R - mean) / std over it."""
        return standardised(rewards_of(samples_G))

    def step_advantages(self, samples_G: Sequence[Sample]) -> list[tuple[float, ...]] | None:
        """Advantage of each step of each sample, where steps get credit of their own."""
        return None

    def token_advantages(self, batch: Batch) -> Batch:
        """The batch with the advantages that its updates use. Here: a KL penalty in the reward, as a return to go.

        It is subtracted after the group was normalised: inside, its weight would vary from group to group.
        """
        penalty_BT = self.kl_penalty(batch)
        if penalty_BT is None:
            return batch
        return replace(batch, advantages_BT=batch.advantages_BT - return_to_go(penalty_BT, batch.mask_BT))

    def before_update(self, minibatch: Batch) -> Batch:
        """The rows of one update with what the loss needs of all of them at once."""
        return minibatch

    @abstractmethod
    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """The loss per token, without KL and entropy."""

    def loss(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """Surrogate, KL term and entropy bonus per token, and their diagnostics."""
        term = self.surrogate(stats, batch)
        value_BT, diagnostics = term.value_BT, dict(term.diagnostics_BT)
        if self.compares:
            kl_BT = self._kl(stats, batch)
            diagnostics["kl"] = kl_BT.detach()
            if self.kl_coef and self.kl_in == "loss":
                value_BT = value_BT + batch.kl_coef * kl_BT
        if self.entropy_coef:
            assert stats.entropy_BT is not None
            value_BT = value_BT - self.entropy_coef * stats.entropy_BT
        return LossTerm(value_BT, diagnostics)

    def kl_penalty(self, batch: Batch) -> Tensor | None:
        """What each token's reward loses, [B, T]: kl_coef times k1 of the policy that sampled; None without one."""
        if not (self.kl_coef and self.kl_in == "reward"):
            return None
        assert batch.old_BT is not None and batch.reference_BT is not None
        return batch.kl_coef * kl.k1(batch.old_BT, batch.reference_BT)

    def _kl(self, stats: TokenStats, batch: Batch) -> Tensor:
        if self.kl_estimator == "exact":
            assert stats.divergence_BT is not None
            return stats.divergence_BT
        assert batch.reference_BT is not None
        return kl.ESTIMATORS[self.kl_estimator](stats.logprobs_BT, batch.reference_BT)

    @property
    def compares(self) -> bool:
        """Whether it looks at a reference."""
        return self.kl_coef > 0 or self.kl_measure

    @property
    def least_group(self) -> int:
        """Samples of a prompt that it needs to learn anything."""
        return 2 if self.needs_group else 1

    @property
    def value_rollouts(self) -> int:
        """Samples that go on from the end of each step to say what it is worth; 0 for none."""
        return 0

    @property
    def teacher_beta(self) -> float | None:
        """Beta of the divergence from the teacher over the whole vocabulary; None where tokens alone are compared."""
        return None

    @property
    def taught_share(self) -> float:
        """Chance of a prompt that the teacher answers it in the policy's place."""
        return 0.0

    @property
    def critic_options(self) -> CriticOptions | None:
        """The critic that it learns beside the policy."""
        return None

    @property
    def needs_old(self) -> bool:
        """Whether the log-probabilities before the first update are needed."""
        return self.updates > 1 or (self.kl_coef > 0 and self.kl_in == "reward")

    def warnings(self) -> list[str]:
        """What is allowed and probably not meant, each with what to do."""
        found = []
        if self.kl_coef and self.kl_in == "loss" and self.kl_estimator == "k1":
            found.append(
                "kl_estimator 'k1' in the loss has no gradient on average; take 'k2' or 'k3+', or kl_in='reward'"
            )
        if self.refill and not self.needs_spread:
            found.append("refill replaces groups without spread, but this algorithm learns from them; set refill = 0")
        return found


class Clipped(Algorithm):
    """Algorithms whose surrogate is PPO's, with bounds apart."""

    clip_low: LowBound = 0.2
    clip_high: HighBound = 0.2
    dual_clip: Annotated[float, Field(gt=1)] | None = None
    """Where A < 0 the objective is at least this times A; off where not given."""
    clip: bool = True
    """False takes the bounds away: importance weights alone."""

    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """PPO's clipped surrogate, or without its bounds."""
        if not self.clip:
            return surrogates.unclipped(stats, batch)
        return surrogates.clipped(stats, batch, self.clip_low, self.clip_high, self.dual_clip)

    def warnings(self) -> list[str]:
        """Also: bounds that were taken for one another."""
        return [*super().warnings(), *reversed_bounds(self.clip_low, self.clip_high)]


def reversed_bounds(low: float, high: float) -> list[str]:
    """A warning where the lower bound leaves more room than the upper one."""
    if low <= high:
        return []
    return [f"clip_low {low} leaves more room than clip_high {high}: clip-higher (DAPO) is the other way; swap them"]


def rewards_of(samples_G: Sequence[Sample]) -> Rewards:
    """The shaped rewards of a group; None where a sample is unscored or left out."""
    return [sample.shaped_reward for sample in samples_G]
