"""The forward pass of Llama-like models in fewer calls: small models spend most of their time between products.

It reads the model's own weights in place and keeps no copy. The engine compares it with the model itself before it is
used (`assay.rollout.serving`), and every other architecture runs its own modules under a plan.

Legend: R rows, T tokens of a row, N = R * T, D width of a state, Q query heads, H key-value heads, W width of a head.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from assay.policies.load import Policy

LLAMA_LIKE = frozenset({"llama", "mistral", "qwen2", "qwen3"})
"""Model types of one shape; they differ in biases and in norms of queries and keys, which are seen on the modules."""
LIBRARIES = ("torch.nn.modules.", "transformers.")
"""Where modules come from that do what their names say; adapters, quantisers and wrappers live elsewhere."""

LARGE = 2**19
"""Numbers of a weight from which on oneDNN's products are worth what a call of them costs more (35 us)."""


class LlamaPolicy(Policy):
    """A policy whose states under a plan, and logits, are computed here; without a plan the model's own modules run."""

    __slots__ = ()

    def states(self, token_ids_BT: Tensor, **options: Any) -> Tensor:
        """See `Policy.states`."""
        if options.keys() != {"position_ids", "plan"}:
            return Policy.states(self, token_ids_BT, **options)
        base: Any = self.model.base_model
        states_ND = functional.embedding(token_ids_BT.reshape(-1), base.embed_tokens.weight)
        cos_RTW, sin_RTW = base.rotary_emb(states_ND, options["position_ids"])
        first, second = sin_RTW.chunk(2, dim=-1)
        rotation = cos_RTW.unsqueeze(2), torch.cat([-first, second], dim=-1).unsqueeze(2)
        for layer in base.layers:
            states_ND = states_ND + _attention(layer, states_ND, rotation, options["plan"])
            states_ND += _mlp(layer, states_ND)
        return _norm(states_ND, base.norm).view(*token_ids_BT.shape, -1)

    def logits(self, states: Tensor) -> Tensor:
        """See `Policy.logits`."""
        head: Any = self.model.get_output_embeddings()
        return _product(states.flatten(0, -2), head).view(*states.shape[:-1], -1)


def forward_policy(policy: Policy) -> Policy:
    """The same policy with the forward pass of this file; itself where that does not fit the model as it is now."""
    as_written = (
        policy.config.model_type in LLAMA_LIKE
        and getattr(policy.config, "hidden_act", None) == "silu"
        and all(_is_untouched(module) for module in policy.model.modules())
    )
    if not as_written:
        return policy
    return LlamaPolicy(policy.model, policy.tokenizer, policy.name, policy.version, policy.stop_ids)


def _is_untouched(module: nn.Module) -> bool:
    """Whether nobody wrapped, replaced or hooked the module, whose call would then do more than its weights say."""
    hooked = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    return not hooked and type(module).__module__.startswith(LIBRARIES)


def _attention(layer: Any, states_ND: Tensor, rotation: tuple[Tensor, Tensor], plan: Any) -> Tensor:
    own = layer.self_attn
    rows, tokens = rotation[0].shape[:2]
    normed_ND = _norm(states_ND, layer.input_layernorm)
    query_RTQW, key_RTHW, value_RTHW = (
        _product(normed_ND, projection).view(rows, tokens, -1, own.head_dim)
        for projection in (own.q_proj, own.k_proj, own.v_proj)
    )
    if hasattr(own, "q_norm"):  # Qwen3
        query_RTQW, key_RTHW = _norm(query_RTQW, own.q_norm), _norm(key_RTHW, own.k_norm)
    query_RQTW, key_RHTW = (_rotate(each, *rotation).transpose(1, 2) for each in (query_RTQW, key_RTHW))
    out_RTQW = plan.attend(own.layer_idx, query_RQTW, key_RHTW, value_RTHW.transpose(1, 2), own.scaling)
    return _product(out_RTQW.reshape(len(states_ND), -1), own.o_proj)


def _mlp(layer: Any, states_ND: Tensor) -> Tensor:
    own = layer.mlp
    normed_ND = _norm(states_ND, layer.post_attention_layernorm)
    gate = functional.silu(_product(normed_ND, own.gate_proj), inplace=True)
    return _product(gate.mul_(_product(normed_ND, own.up_proj)), own.down_proj)


def _rotate(heads_RTHW: Tensor, cos_RT1W: Tensor, signed_sin_RT1W: Tensor) -> Tensor:
    """Rotary embedding; the sign of the halves that change places is in the sine."""
    swapped = heads_RTHW.roll(heads_RTHW.shape[-1] // 2, dims=-1)
    return torch.addcmul(heads_RTHW * cos_RT1W, swapped, signed_sin_RT1W)


def _norm(states: Tensor, norm: Any) -> Tensor:
    return functional.rms_norm(states, norm.weight.shape, norm.weight, norm.variance_epsilon)


def _product(rows_ND: Tensor, linear: nn.Linear) -> Tensor:
    """The linear layer; of large weights by oneDNN, where there is one: with few rows two thirds of MKL's time."""
    weight = linear.weight
    if weight.numel() >= LARGE and weight.dtype == torch.float32 and weight.is_cpu and _has_onednn():
        return torch.ops.mkldnn._linear_pointwise(rows_ND, weight, linear.bias, "none", [], "")
    return functional.linear(rows_ND, weight, linear.bias)


@cache
def _has_onednn() -> bool:
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
