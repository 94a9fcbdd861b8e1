"""What a policy says of a batch: log-probabilities of the chosen tokens, and what else a loss asks of their
distributions.

Only states that predict a chosen token go through the output layer, in chunks that are computed again in the backward
pass, so logits of a whole batch never exist at once. Where logits are a product and nothing but log-probabilities has a
gradient, `policies.head` does so by hand; what is more goes through torch's checkpoint.

Legend: B rows, T tokens, P tokens of all rows without padding, N chosen tokens, C tokens of a chunk, D width,
V vocabulary.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from assay.algorithms.kl import generalised_jsd
from assay.batch import Batch, TokenStats
from assay.errors import ModelError
from assay.policies.critic import Critic
from assay.policies.head import ChunkedLogprobs, plain_weight
from assay.policies.load import Policy
from assay.policies.planned import NOT_SERVED, refusal_by_configuration
from assay.policies.shared_prompts import SharedPrompts

CHUNK_LOGITS = 2**24
"""Logits held at once: 64 MiB in float32."""
LAYOUT_LIMIT = {torch.float32: 1e-3, torch.float64: 1e-6}
"""Largest mean difference, in nats a token, that a layout may make in a row; 0.1 for other types."""
Layout = Literal["padded", "packed", "shared prompts"]
"""Rows of their own; all behind one another in one row, which saves the padding; or `assay.policies.shared_prompts`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a policy beside log-probabilities: entropies, perhaps with their gradient; a critic's values.

    `reference` is a policy from which the divergence over the whole vocabulary is taken, `beta` which one: 1 for
    KL(policy || reference), see `generalised_jsd`. `layout` is how the rows of a batch are computed, which changes
    nothing but rounding.
    """

    entropy: Literal["value", "gradient"] | None = None
    reference: Policy | None = None
    critic: Critic | None = None
    layout: Layout = "padded"
    beta: float = 1.0

    @property
    def only_logprobs_learn(self) -> bool:
        """Whether nothing but the log-probabilities (and the critic's values) has a gradient."""
        return self.entropy != "gradient" and self.reference is None


NOTHING = Wanted()


def token_stats(policy: Policy, batch: Batch, temperature: float, wanted: Wanted = NOTHING) -> TokenStats:
    """Log-probabilities z_t[y_t]/T - logsumexp(z_t/T) of the chosen tokens in float32, at the sampler's temperature.

    Rows are padded on the right and attention is causal, so padding changes nothing.
    """
    states_BTD = states_of(policy, batch, wanted.layout)
    index_N = batch.predicting_index_N
    states_ND = states_BTD.flatten(0, 1).index_select(0, index_N)
    targets_N = batch.token_ids_BT[batch.chosen]
    parts = [states_ND.split(_chunk(policy)), targets_N.split(_chunk(policy))]
    if wanted.reference is not None:
        with torch.no_grad():
            theirs_ND = states_of(wanted.reference, batch, wanted.layout).flatten(0, 1).index_select(0, index_N)
        parts.append(theirs_ND.split(_chunk(policy)))
    found: list[tuple[Tensor, ...]] = []
    in_chunks = torch.is_grad_enabled() and len(parts[0]) > 1
    weight_VD = plain_weight(policy) if in_chunks and wanted.only_logprobs_learn else None
    if weight_VD is not None:
        logprobs_N, entropy_N = ChunkedLogprobs.apply(
            states_ND, weight_VD, targets_N, temperature, bool(wanted.entropy)
        )
        found, parts = [(logprobs_N, entropy_N, torch.zeros_like(entropy_N))], []
    for chunk in zip(*parts, strict=True):
        if in_chunks:
            chunk_found = checkpoint(_head, policy, temperature, wanted, *chunk, use_reentrant=False)
            assert chunk_found is not None
            found.append(chunk_found)
        else:
            found.append(_head(policy, temperature, wanted, *chunk))
    logprobs_BT, entropy_BT, divergence_BT = (batch.scatter(torch.cat(each)) for each in zip(*found, strict=True))
    values_BT, last_value_B = wanted.critic(batch, states_BTD) if wanted.critic is not None else (None, None)
    return TokenStats(
        logprobs_BT=logprobs_BT,
        entropy_BT=entropy_BT if wanted.entropy else None,
        divergence_BT=divergence_BT if wanted.reference is not None else None,
        values_BT=values_BT,
        last_value_B=last_value_B,
    )


def states_of(policy: Policy, batch: Batch, layout: Layout) -> Tensor:
    """The last hidden states [B, T, D]; those of padding are of no use.

    Packed, transformers sees from the positions where a row begins, and masks the rows before it.
    """
    if layout == "padded":
        return policy.states(batch.token_ids_BT)
    if layout == "shared prompts":
        return SharedPrompts(batch).states(policy)
    positions_T = torch.arange(batch.mask_BT.shape[1], device=batch.mask_BT.device)
    real_BT = positions_T < batch.lengths_B[:, None]
    positions_1P = positions_T.expand_as(real_BT)[real_BT][None]
    states_PD = policy.states(batch.token_ids_BT[real_BT][None], position_ids=positions_1P)[0]
    states_BTD = states_PD.new_zeros(*real_BT.shape, states_PD.shape[-1])
    return states_BTD.masked_scatter(real_BT[:, :, None], states_PD)


def may_share_prompts(policy: Policy, batch: Batch) -> bool:
    """Whether computing shared prompts once leaves what the policy says of the batch; asked of the model itself."""
    if refusal_by_configuration(policy):
        return False
    try:
        return bool(_change(policy, batch, "shared prompts") <= LAYOUT_LIMIT.get(policy.dtype, 0.1))
    except torch.OutOfMemoryError:
        raise
    except NOT_SERVED:
        return False


@torch.no_grad()
def _change(policy: Policy, batch: Batch, layout: Layout) -> float:
    """The mean difference, in nats a token, that a layout makes in the row in which it makes most."""
    ours_BT, theirs_BT = (
        token_stats(policy, batch, 1.0, Wanted(layout=each)).logprobs_BT for each in ("padded", layout)
    )
    difference_BT = (ours_BT - theirs_BT).abs() * batch.mask_BT
    return float((difference_BT.sum(1) / batch.mask_BT.sum(1).clamp(min=1)).max())


def check_packing(policy: Policy, batch: Batch) -> None:
    """Raises ModelError where packing changes what the policy says of a batch: a model whose rows see each other."""
    difference = _change(policy, batch, "packed")
    if difference > LAYOUT_LIMIT.get(policy.dtype, 0.1):
        raise ModelError(
            f"{policy.name}: {type(policy.model).__name__} cannot be packed: its log-probabilities change by "
            f"{difference:.2g} nats a token where other rows stand before; set optimizer.packed = false"
        )


def _chunk(policy: Policy) -> int:
    return max(1, CHUNK_LOGITS // policy.vocabulary_size)


def _head(
    policy: Policy,
    temperature: float,
    wanted: Wanted,
    states_CD: Tensor,
    targets_C: Tensor,
    theirs_CD: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probability, entropy and divergence of each token; 0 for what is not wanted.

    Where the logits of one are padded further than the other's, the tokens that both have are compared.
    """
    logits_CV = _scaled(policy, states_CD, temperature)
    normaliser_C = torch.logsumexp(logits_CV, dim=-1)
    logprobs_C = logits_CV.gather(-1, targets_C.unsqueeze(-1)).squeeze(-1) - normaliser_C
    entropy_C = divergence_C = torch.zeros_like(logprobs_C)
    if wanted.entropy:
        with torch.set_grad_enabled(torch.is_grad_enabled() and wanted.entropy == "gradient"):
            entropy_C = normaliser_C - (torch.softmax(logits_CV, dim=-1) * logits_CV).sum(dim=-1)
    if wanted.reference is not None:
        assert theirs_CD is not None
        shared = min(policy.vocabulary_size, wanted.reference.vocabulary_size)
        ours_CV = torch.log_softmax(logits_CV[:, :shared], dim=-1)
        theirs_CV = torch.log_softmax(_scaled(wanted.reference, theirs_CD, temperature)[:, :shared], dim=-1).detach()
        divergence_C = generalised_jsd(ours_CV, theirs_CV, wanted.beta)
    return logprobs_C, entropy_C, divergence_C


def _scaled(policy: Policy, states_CD: Tensor, temperature: float) -> Tensor:
    logits_CV = policy.logits(states_CD)
    return logits_CV.to(torch.promote_types(logits_CV.dtype, torch.float32)) / temperature
