"""On-policy distillation: the student samples, a teacher that stays as it is says what it thinks of each token.

policy-gradient  J = sum_t min(r A, clip(r, 1-low, 1+high) A),  A_t = sum_l discount^l (log p - log q)(y_{t+l})
                 p the teacher, q the student before the updates. With discount 0 (A_t of one token) the gradient of the
                 reverse KL of each token's distribution, with 1 that of whole sequences. Lu and Thinking Machines 2025,
                 thinkingmachines.ai/blog/on-policy-distillation, and tinker-cookbook, distillation/train_on_policy.py
vocabulary       J = -sum_t D_beta(p || q) over the whole vocabulary at each token of the samples: GKD, arXiv 2306.13649
                 eq. 1 (`assay.algorithms.kl:generalised_jsd`); no gradient through sampling

Neither needs a reward or a verdict: rewards are logged and not trained on. Teacher and student are compared at the
sampling temperature, without a factor T^2.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, model_validator

from assay.algorithms.aggregate import Aggregation
from assay.algorithms.base import Clipped
from assay.algorithms.returns import gae
from assay.batch import Batch, LossTerm, TokenStats
from assay.types import Sample

Share = Annotated[float, Field(ge=0, le=1)]
FOREIGN = {
    "policy-gradient": ("overlong", "refill", "beta", "teacher_share"),
    "vocabulary": ("overlong", "refill", "discount", "clip_low", "clip_high", "dual_clip", "clip"),
}
"""Options that say nothing to a form, and why."""


class Distillation(Clipped):
    """The teacher is `model.teacher`."""

    needs_group: ClassVar[bool] = False
    needs_spread: ClassVar[bool] = False
    needs_reward: ClassVar[bool] = False
    needs_teacher: ClassVar[bool] = True

    aggregation: Aggregation = "token"
    form: Literal["policy-gradient", "vocabulary"] = "policy-gradient"
    """Compare the sampled tokens alone, or all the vocabulary at each of them."""
    discount: Share = 0.0
    """What later tokens count in a token's advantage; the source's default is 0."""
    beta: Share = 1.0
    """Of the vocabulary form: 0 is KL(teacher || student), 1 KL(student || teacher), 0.5 the symmetric JSD."""
    teacher_share: Share = 0.0
    """Chance of a prompt that the teacher answers it and not the student (GKD's 1 - lambda)."""

    @model_validator(mode="after")
    def _options_mean_something(self) -> "Distillation":
        what = {"policy-gradient": "reverse KL on the student's own samples", "vocabulary": "no advantages, no ratios"}
        for name in FOREIGN[self.form]:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(f"{name} says nothing to form {self.form!r} ({what[self.form]}); leave {name} out")
        if self.form == "vocabulary" and self.compares and (self.kl_estimator == "exact" or self.kl_in == "reward"):
            raise ValueError("form 'vocabulary' takes a KL in the loss, and no 'exact' one; set kl_estimator = 'k3+'")
        return self

    @property
    def needs_old(self) -> bool:
        """The policy gradient compares the teacher with the student before the updates."""
        return self.form == "policy-gradient"

    @property
    def teacher_beta(self) -> float | None:
        """Of the vocabulary form."""
        return self.beta if self.form == "vocabulary" else None

    @property
    def taught_share(self) -> float:
        """As the recipe says."""
        return self.teacher_share

    def group_advantages(self, samples_G: Sequence[Sample]) -> list[float]:
        """0: what a token is worth, the teacher says."""
        return [0.0] * len(samples_G)

    def token_advantages(self, batch: Batch) -> Batch:
        """log p - log q of each token and, discounted, of those after it; a KL in the reward is taken off."""
        if self.form == "vocabulary":
            return batch
        assert batch.teacher_BT is not None and batch.old_BT is not None
        gap_BT = batch.teacher_BT - batch.old_BT
        nothing_BT = torch.zeros_like(gap_BT)
        advantages_BT = gae(gap_BT, nothing_BT, nothing_BT[:, 0], batch.mask_BT, self.discount, 1.0)
        return super().token_advantages(replace(batch, advantages_BT=advantages_BT))

    def surrogate(self, stats: TokenStats, batch: Batch) -> LossTerm:
        """The clipped surrogate, or the divergence of each token's distribution from the teacher's."""
        if self.form == "vocabulary":
            assert stats.divergence_BT is not None
            return LossTerm(stats.divergence_BT, {"distill/divergence": stats.divergence_BT.detach()})
        assert batch.teacher_BT is not None and batch.old_BT is not None
        term = super().surrogate(stats, batch)
        said = {"distill/reverse_kl": batch.old_BT - batch.teacher_BT, "distill/teacher_logprob": batch.teacher_BT}
        return LossTerm(term.value_BT, term.diagnostics_BT | said)
