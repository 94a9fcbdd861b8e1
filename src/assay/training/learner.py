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
from assay.policies.shared_prompts import count_tokens
from assay.policies.stats import Layout, Wanted, check_packing, may_share_prompts, token_stats
from assay.recipe import Recipe, derive_seed
from assay.training.optimizer import MasterOptimizer

MISMATCH_LIMIT = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Largest mean difference, in nats a token, between engine's and policy's log-probabilities of a step's samples."""
SAME = 1e-4
"""Largest difference of any token, in nats, with which the engine's log-probabilities stand for the policy's own."""
ASKED_STEPS, ASK_EVERY = 4, 50
"""They are compared in the first steps, as stale weights show once they have moved, and every so many after."""


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
        self.reference = load_reference(recipe, policy, algorithm.reference_reset > 0) if algorithm.compares else None
        self.teacher = load_teacher(recipe, policy, algorithm) if algorithm.needs_teacher else None
        self.layout: Layout | None = None
        self.engine_agrees = False
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
        With several, what the engine said of its samples is taken where the two were found to be the same.
        """
        if self.layout is None:
            self.layout = self._choose_layout(batch.select(range(min(len(batch), 4))))
        layout = self.layout
        fixed: dict[str, torch.Tensor] = {}
        if self.algorithm.needs_old and self._engine_knows(batch, step):
            fixed["old_BT"] = batch.behaviour_BT
        elif self.algorithm.needs_old or step == 0:
            old = self._stats(self.policy, batch, Wanted(critic=self.critic, layout=layout))
            fixed |= {name: old[name] for name in ("values_BT", "last_value_B") if name in old}
            fixed["old_BT"] = old["logprobs_BT"]
            difference = (old["logprobs_BT"] - batch.behaviour_BT).abs()[batch.mask_BT]
            self.engine_agrees = self.policy.dtype == torch.float32 and float(difference.max()) <= SAME
        if self.reference is not None and self._compares_tokens:
            fixed["reference_BT"] = self._stats(self.reference, batch, Wanted(layout=layout))["logprobs_BT"]
        if self.teacher is not None and self.algorithm.teacher_beta is None:
            fixed["teacher_BT"] = self._stats(self.teacher, batch, Wanted(layout=layout))["logprobs_BT"]
        fixed_batch = replace(batch, kl_coef=self.kl_coef, **fixed)  # type: ignore[arg-type]
        return self.algorithm.token_advantages(fixed_batch)

    def _engine_knows(self, batch: Batch, step: int) -> bool:
        """Whether the samples carry the old log-probabilities: all of this policy, in float32, as was seen lately."""
        if step < ASKED_STEPS or step % ASK_EVERY == 0 or self.critic is not None:
            return False
        return self.engine_agrees and all(sample.policy == self.policy.version for sample in batch.samples)

    def _choose_layout(self, batch: Batch) -> Layout:
        """How rows are computed, tried on some of them: prompts once, where every model that reads them allows it."""
        options, models = self.recipe.optimizer, [self.policy, self.reference, self.teacher]
        shared = options.shared_prompts and self.recipe.rollout.group > 1
        if shared and all(may_share_prompts(model, batch) for model in models if model is not None):
            return "shared prompts"
        if options.packed:
            check_packing(self.policy, batch)
            return "packed"
        return "padded"

    def _micro_batches(self, batch: Batch) -> list[list[int]]:
        tokens = self.recipe.optimizer.micro_batch_tokens
        return batch.rows_by_token_budget(tokens, self.layout == "shared prompts")

    def _padding_waste(self, batch: Batch) -> float:
        if self.layout != "shared prompts":
            return padding_waste(batch.lengths_B.tolist(), self.recipe.optimizer.micro_batch_tokens)
        counts = [count_tokens([batch.samples[row] for row in rows]) for rows in self._micro_batches(batch)]
        return 1 - sum(real for _, real in counts) / sum(padded for padded, _ in counts)

    def _stats(self, policy: Policy, batch: Batch, wanted: Wanted) -> dict[str, torch.Tensor]:
        """What a policy says of the whole batch, by the names of `TokenStats`, in micro-batches."""
        found: dict[str, torch.Tensor] = {}
        for rows in self._micro_batches(batch):
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
        aggregation = self.algorithm.aggregation
        sums: dict[str, float] = {}
        tokens, loss, norms, wastes = 0, 0.0, [], []
        learning_rate = self.optimizer.learning_rate
        for minibatch in batch.minibatches(self.algorithm.updates, generator):
            minibatch = self.algorithm.before_update(minibatch)
            norm = aggregate.denominator(aggregation, minibatch, self.recipe.rollout.max_new_tokens)
            for rows in self._micro_batches(minibatch):
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
            wastes.append(self._padding_waste(minibatch))
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
            layout=self.layout or "padded",
            beta=1.0 if beta is None else beta,
        )

    def state(self) -> dict[str, Any]:
        """All that `load_state` needs to continue bit for bit."""
        state: dict[str, Any] = {
            "policy": self.optimizer.state(), "kl_coef": self.kl_coef, "engine_agrees": self.engine_agrees,
        }  # fmt: skip
        if self.critic is not None:
            state["critic"] = self.critic_optimizer.state()
        if self.reference is not None and self.algorithm.reference_reset:
            state["reference"] = self.reference.model.state_dict()
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Restores what `state` gave."""
        self.optimizer.load_state(state["policy"])
        self.kl_coef, self.engine_agrees = state["kl_coef"], state.get("engine_agrees", False)
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
    if batch.old_BT is None or batch.old_BT is batch.behaviour_BT or not own_B.any():
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
