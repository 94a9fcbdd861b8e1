"""Attention that is told from outside what to do, inside the model's own forward pass.

A Hugging Face model hands queries, new keys and new values to the attention function that its configuration names,
together with any extra argument of the forward call. Ours is named `assay` and finds a *plan* there, which attends: for
the engine over what its samples have in memory (`assay.rollout.attention`), for training over prompts that rows share
(`assay.policies.shared_prompts`).

Legend: R rows, T tokens of a row, Q query heads, H key-value heads, D width of a head.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from torch import Tensor
from transformers import AttentionInterface, DynamicCache
from transformers.cache_utils import DynamicLayer

from assay.policies.load import Policy

NAME = "assay"
HARMLESS = frozenset({"dropout", "is_causal", "position_ids", "use_cache", "output_attentions", "cache_position"})
"""Arguments of attention functions that change nothing here."""
NOT_SERVED = (TypeError, ValueError, KeyError, IndexError, AttributeError, RuntimeError, AssertionError)
"""What a model raises whose attention is not as a plan expects."""


ROPE_BY_LENGTH = {"dynamic", "longrope"}
"""Kinds of rotary positions that depend on the longest row computed beside."""


def refusal_by_configuration(policy: Policy) -> str | None:
    """Why a plan cannot stand for the model's own attention; None where only a trial can tell.

    A trial is short: windows and positions that change with length would pass it.
    """
    config = policy.model.config
    kinds = {type(layer) for layer in DynamicCache(config=config).layers}
    if kinds - {DynamicLayer}:
        names = ", ".join(sorted(kind.__name__.removeprefix("Dynamic") for kind in kinds - {DynamicLayer}))
        return f"not all its layers attend to all earlier tokens ({names})"
    rope = getattr(config, "rope_parameters", None) or {}
    tables = [rope, *(each for each in rope.values() if isinstance(each, dict))]  # one, or one a kind of layer
    if found := {str(table.get("rope_type")) for table in tables} & ROPE_BY_LENGTH:
        return f"its rotary positions depend on the longest row beside ({', '.join(sorted(found))})"
    if not getattr(policy.model, "_can_set_attn_implementation", lambda: True)():
        return "its attention cannot be replaced"
    return None


class Plan(Protocol):
    """What one forward pass does with keys and values."""

    def attend(self, layer: int, query_RQTD: Tensor, key_RHTD: Tensor, value_RHTD: Tensor, scale: float) -> Tensor:
        """Attention output [R, T, Q, D]."""


@contextmanager
def planned_attention(policy: Policy) -> Iterator[None]:
    """Inside, the model attends by the plan that its forward call is given; after, as before."""
    AttentionInterface.register(NAME, _attend)
    before = policy.model.config._attn_implementation
    policy.model.config._attn_implementation = NAME
    try:
        yield
    finally:
        policy.model.config._attn_implementation = before


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    plan: Plan | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """The attention function that transformers calls; raises TypeError for what it was not written for."""
    unknown = [name for name, value in more.items() if value is not None and name not in HARMLESS]
    if plan is None or attention_mask is not None or unknown:
        raise TypeError(f"attention with {', '.join(unknown) or 'a mask of its own'}")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return plan.attend(module.layer_idx, query, key, value, scale), None
