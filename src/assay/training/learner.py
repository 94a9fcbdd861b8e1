"""Everything that a step of training changes: policy, critic, reference, their optimisers and the KL coefficient."""

from dataclasses import replace
from typing import Any

import torch

from assay.algorithms import aggregate, kl
from assay.algorithms.base import Algorithm
from assay.batch import Batch, padding_waste
from assay.errors import ModelError, RunError
from assay.policies.critic import Critic
from assay.policies.load import Policy, check_reads, load_policy, share_tokens
from assay.policies.stats import Wanted, check_packing, token_stats
from assay.recipe import Recipe, derive_seed
from assay.training.optimizer import MasterOptimizer

MISMATCH_LIMIT = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Largest mean difference, in nats a token, between engine's and policy's log-probabilities of a step's samples."""


class Learner:
    """The trained models of a run.

    learner.begin(step)                   the reference may move
    batch = learner.fix(batch, step)      what stays fixed during the updates; token advantages
    learner.update(batch, step)           the updates
    """

    def __init__(self, recipe: Recipe, algorithm: Algorithm, policy: Policy) -> None:
        self.recipe, self.algorithm, self.policy = recipe, algorithm, policy
        self.optimizer = MasterOptimizer(policy.model, recipe.optimizer, recipe.model.storage)
        self.kl_coef = algorithm.kl_coef
        self.packing_checked = False
        self.reference = load_reference(recipe, policy, algorithm.reference_reset > 0) if algorithm.compares else None
        self.teacher = load_teacher(recipe, policy, algorithm) if algorithm.needs_teacher else None
        self.critic: Critic | None = None
        if critic := algorithm.critic_options:
            self.critic = Critic(policy, critic.separate)
            rate = critic.learning_rate or recipe.optimizer.learning_rate
            self.critic_optimizer = MasterOptimizer(
                self.critic, recipe.optimizer.model_copy(update={"learning_rate": rate, "mask": None})
            )

    def begin(self, step: int) -> None:
        """Every `reference_reset` steps the reference becomes the policy and the optimiser starts anew (ProRL)."""
        every = self.algorithm.reference_reset
        if self.reference is not None and every and step and step % every == 0:
            self.reference.model.load_state_dict(self.policy.model.state_dict())
            self.optimizer.reset()

    @torch.no_grad()
    def fix(self, batch: Batch, step: int) -> Batch:
        """The batch with what stays fixed during its updates, computed once and without gradient.

        With one update a batch the old policy is the policy itself and need not be asked, except to check the engine.
        """
        packed = self.recipe.optimizer.packed
        if packed and not self.packing_checked:
            check_packing(self.policy, batch.select(range(min(len(batch), 4))))
            self.packing_checked = True
        fixed: dict[str, torch.Tensor] = {}
        if self.algorithm.needs_old or step == 0:
            old = self._stats(self.policy, batch, Wanted(critic=self.critic, packed=packed))
            fixed |= {name: old[name] for name in ("values_BT", "last_value_B") if name in old}
            fixed["old_BT"] = old["logprobs_BT"]
        if self.reference is not None and self._compares_tokens:
            fixed["reference_BT"] = self._stats(self.reference, batch, Wanted(packed=packed))["logprobs_BT"]
        if self.teacher is not None and self.algorithm.teacher_beta is None:
            fixed["teacher_BT"] = self._stats(self.teacher, batch, Wanted(packed=packed))["logprobs_BT"]
        fixed_batch = replace(batch, kl_coef=self.kl_coef, **fixed)  # type: ignore[arg-type]
        return self.algorithm.token_advantages(fixed_batch)

    def _stats(self, policy: Policy, batch: Batch, wanted: Wanted) -> dict[str, torch.Tensor]:
        """What a policy says of the whole batch, by the names of `TokenStats`, in micro-batches."""
        found: dict[str, torch.Tensor] = {}
        for rows in batch.rows_by_token_budget(self.recipe.optimizer.micro_batch_tokens):
            stats = token_stats(policy, batch.select(rows), self.recipe.rollout.temperature, wanted)
            for name in ("logprobs_BT", "values_BT"):
                if (value_BT := getattr(stats, name)) is not None:
                    whole_BT = found.setdefault(name, torch.zeros_like(batch.behaviour_BT))
                    whole_BT[rows, : value_BT.shape[1]] = value_BT.to(whole_BT.dtype)
            if stats.last_value_B is not None:
                whole_B = found.setdefault("last_value_B", torch.zeros_like(batch.behaviour_BT[:, 0]))
                whole_B[rows] = stats.last_value_B.to(whole_B.dtype)
        return found

    def update(self, batch: Batch, step: int) -> dict[str, Any]:
        """The updates of one step, and their diagnostics averaged over all tokens seen."""
        generator = torch.Generator().manual_seed(derive_seed(self.recipe.seed, "minibatches", step))
        aggregation, budget = self.algorithm.aggregation, self.recipe.optimizer.micro_batch_tokens
        sums: dict[str, float] = {}
        tokens, loss, norms, wastes = 0, 0.0, [], []
        learning_rate = self.optimizer.learning_rate
        for minibatch in batch.minibatches(self.algorithm.updates, generator):
            minibatch = self.algorithm.before_update(minibatch)
            norm = aggregate.denominator(aggregation, minibatch, self.recipe.rollout.max_new_tokens)
            for rows in minibatch.rows_by_token_budget(budget):
                micro = minibatch.select(rows)
                stats = token_stats(self.policy, micro, self.recipe.rollout.temperature, self._wanted())
                term = self.algorithm.loss(stats, micro)
                part = aggregate.reduce(aggregation, term.value_BT, micro, norm)
                part.backward()
                loss += part.item()
                assert stats.entropy_BT is not None
                for name, value_BT in (term.diagnostics_BT | {"entropy": stats.entropy_BT.detach()}).items():
                    sums[name] = sums.get(name, 0.0) + float((value_BT * micro.mask_BT).sum())
                tokens += int(micro.mask_BT.sum())
            wastes.append(padding_waste(minibatch.lengths_B.tolist(), budget))
            norms.append(self.optimizer.update())
            if self.critic is not None:
                self.critic_optimizer.update()
        found = {name: value / tokens for name, value in sums.items()}
        return (
            found
            | self._adapt(found.get("kl"), batch)
            | {
                "loss": loss / len(norms),
                "grad_norm": sum(norms) / len(norms),
                "learning_rate": learning_rate,
                "num_tokens": int(batch.lengths_B.sum()),
                "padding_waste": sum(wastes) / len(wastes),
            }
        )

    def _adapt(self, kl_a_token: float | None, batch: Batch) -> dict[str, float]:
        """Moves the KL coefficient towards its target; the one that was used, to log."""
        if kl_a_token is None:
            return {}
        used, target = self.kl_coef, self.algorithm.kl_target
        if target:
            kl_a_response = kl_a_token * int(batch.mask_BT.sum()) / len(batch)
            self.kl_coef = kl.adapted(used, kl_a_response, target, len(batch), self.algorithm.kl_horizon)
        return {"kl_coef": used}

    @property
    def _compares_tokens(self) -> bool:
        return self.reference is not None and self.algorithm.kl_estimator != "exact"

    def _wanted(self) -> Wanted:
        beta = self.algorithm.teacher_beta
        compared = None if self._compares_tokens else self.reference
        return Wanted(
            entropy="gradient" if self.algorithm.entropy_coef else "value",
            reference=compared if beta is None else self.teacher,
            critic=self.critic,
            packed=self.recipe.optimizer.packed,
            beta=1.0 if beta is None else beta,
        )

    def state(self) -> dict[str, Any]:
        """All that `load_state` needs to continue bit for bit."""
        state: dict[str, Any] = {"policy": self.optimizer.state(), "kl_coef": self.kl_coef}
        if self.critic is not None:
            state["critic"] = self.critic_optimizer.state()
        if self.reference is not None and self.algorithm.reference_reset:
            state["reference"] = self.reference.model.state_dict()
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Restores what `state` gave."""
        self.optimizer.load_state(state["policy"])
        self.kl_coef = state["kl_coef"]
        if self.critic is not None:
            self.critic_optimizer.load_state(state["critic"])
        if "reference" in state and self.reference is not None:
            self.reference.model.load_state_dict(state["reference"])


def load_teacher(recipe: Recipe, policy: Policy, algorithm: Algorithm) -> Policy:
    """The model that distillation learns from. Raises ModelError where it cannot score what the policy samples."""
    model = recipe.model
    found = load_policy(model.teacher, model.device, model.dtype)
    if not share_tokens(found.tokenizer, policy.tokenizer):
        raise ModelError(
            f"model.teacher {found.name}: its tokenizer is not that of {policy.name}, so it cannot score the policy's "
            "tokens; give a teacher of the same family, or distil from its texts: "
            f"assay distill --teacher {model.teacher} --student {model.base}"
        )
    check_reads(f"model.teacher {found.name}", reader=found, sampler=policy)
    if algorithm.taught_share:
        check_reads(f"model.teacher {found.name}", reader=policy, sampler=found)
    return found


def load_reference(recipe: Recipe, policy: Policy, must_fit: bool) -> Policy:
    """The model that a KL penalty compares with; `must_fit` where the policy's weights will be put into it.

    Raises ModelError where its tokens are not the policy's, or its weights of other shapes.
    """
    model = recipe.model
    is_base = model.reference == "base"
    reference, storage = (model.base, model.storage) if is_base else (model.reference, "auto")
    found = load_policy(reference, model.device, model.dtype, storage)
    if found.tokenizer.get_vocab() != policy.tokenizer.get_vocab():
        raise ModelError(
            f"model.reference {found.name}: its tokenizer is not that of {policy.name}, so their probabilities are of "
            "other tokens; give a model of the same family"
        )
    ours, theirs = ({name: w.shape for name, w in each.model.state_dict().items()} for each in (policy, found))
    if must_fit and ours != theirs:
        raise ModelError(
            f"model.reference {found.name}: is of another shape than {policy.name} and cannot become it "
            "(algorithm.reference_reset); give a model of the same shape, or reference_reset = 0"
        )
    return found


def check_mismatch(batch: Batch, step: int, policy: Policy) -> dict[str, float]:
    """Engine against policy on the same tokens; raises RunError where they are not the same model.

    Catches stale weights, a wrong temperature and unmerged adapters at the first step. Only known where the old
    log-probabilities were computed anew.
    """
    own_B = torch.tensor([sample.policy == policy.version for sample in batch.samples], device=batch.mask_BT.device)
    if batch.old_BT is None or not own_B.any():
        return {}
    difference = (batch.old_BT - batch.behaviour_BT).abs()[batch.mask_BT & own_B[:, None]]
    found = {
        "sampling/sampling_logp_difference/mean": float(difference.mean()),
        "sampling/sampling_logp_difference/max": float(difference.max()),
    }
    limit = MISMATCH_LIMIT.get(policy.dtype, 0.1)
    if found["sampling/sampling_logp_difference/mean"] > limit:
        raise RunError(
            f"step {step}: the engine's log-probabilities differ from the policy's by "
            f"{difference.mean():.3g} nats a token on average (limit {limit}); the engine does not serve this model "
            "as it is trained: check the model's dtype and adapters"
        )
    return found
