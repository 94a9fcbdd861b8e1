"""A causal language model with its tokenizer, ready to sample, to be scored and to be trained.

Legend: B rows, T tokens, D width of a state, V vocabulary.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import has_file
from transformers.utils import logging as hugging_face_logging

from assay.errors import ModelError
from assay.policies.adapters import base_of, check_peft, merge_saved
from assay.policies.hash import weights_hash
from assay.policies.references import CONFIG, Reference, find_model

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
UNREADABLE = (
    *(OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, ImportError),
    *(SafetensorError, UnpicklingError),
)
"""What `from_pretrained` was seen to raise for missing, broken and unknown models, and for weights that
would run code."""
TOKENIZER_CONFIG = "tokenizer_config.json"
LOGIT_CHANGES = ("logit_scale", "logits_scaling", "final_logit_softcapping")
"""What a configuration calls that which changes logits after the output layer; see `Policy.logits`."""
HEAD_TOLERANCE = 1e-2
"""Relative to the largest logit; room for bfloat16."""


@dataclass(slots=True, eq=False)
class Policy:
    """A model as Assay uses it. Its weights may change in place; whoever changes them sets `version`.

    name      for people: directory, run or hub id
    version   of the weights: their hash after loading, for example "step-12" during training
    stop_ids  every end-of-sequence id of generation config, model config and tokenizer
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    version: str
    stop_ids: frozenset[int]

    def states(self, token_ids_BT: Tensor, **options: Any) -> Tensor:
        """The last hidden states [B, T, D]; rows padded on the right need no mask. No logits are made."""
        states_BTD: Tensor = self.model.base_model(input_ids=token_ids_BT, use_cache=False, **options).last_hidden_state
        return states_BTD

    def logits(self, states: Tensor) -> Tensor:
        """Logits [..., V] of states [..., D], with what the model does after its output layer (scale, soft cap)."""
        logits: Tensor = self.model.get_output_embeddings()(states)
        config = self.config
        if scale := getattr(config, "logit_scale", None):  # Cohere
            logits = logits * scale
        if divisor := getattr(config, "logits_scaling", None):  # Granite
            logits = logits / divisor
        if cap := getattr(config, "final_logit_softcapping", None):  # Gemma
            logits = torch.tanh(logits / cap) * cap
        return logits

    @property
    def config(self) -> Any:
        """The configuration of the text model."""
        return self.model.config.get_text_config(decoder=True)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights."""
        return self.model.dtype

    @property
    def vocabulary_size(self) -> int:
        """Width V of the logits, which may be more than the tokenizer has."""
        head: Any = self.model.get_output_embeddings()
        return int(head.weight.shape[0])

    @property
    def max_positions(self) -> int | None:
        """Tokens of prompt and response together that the model was made for; None where it sets no limit."""
        return getattr(self.config, "max_position_embeddings", None)

    @property
    def label(self) -> str:
        """Name and version, as written in sample files."""
        return f"{self.name}@{self.version}"


def load_policy(reference: str, device: str = "auto", dtype: str = "auto", storage: str = "auto") -> Policy:
    """The policy that `reference` names (see `find_model`), with dropout off; an adapter is merged. Raises ModelError.

    `device` "auto" is a GPU where there is one; `dtype` "auto" is float32 on a CPU and the stored one elsewhere.
    `storage` is what the weights are rounded to, "auto" for nothing.
    """
    found = find_model(reference)
    place = choose_device(device)
    model = _load_model(found)
    version = weights_hash(model.state_dict())
    tokenizer = load_tokenizer(found)
    nn.Module.to(model, device=place, dtype=choose_dtype(dtype, place, model.dtype))
    round_weights(model, storage)
    policy = make_policy(model, tokenizer, found.name, version)
    _check_vocabulary(policy)
    _check_head(policy)
    return policy


@torch.no_grad()
def round_weights(model: nn.Module, storage: str) -> None:
    """Rounds every weight to the nearest that `storage` has, in place; "auto" leaves them as they are."""
    if storage != "auto":
        for weight in model.parameters():
            weight.copy_(weight.to(DTYPES[storage]))


def check_place(device: str, dtype: str) -> None:
    """Raises ModelError for a device or a dtype that is not there; loads nothing."""
    choose_dtype(dtype, choose_device(device), torch.float32)


def as_policy(model: str | Policy, device: str = "auto", dtype: str = "auto") -> Policy:
    """A policy as it is, or the one that a reference names."""
    return model if isinstance(model, Policy) else load_policy(model, device, dtype)


def make_policy(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, version: str) -> Policy:
    """A policy of a model that is in memory already; dropout is switched off."""
    return Policy(model.eval(), tokenizer, name, version, _stop_ids(model, tokenizer))


def _check_hub(found: Reference) -> None:
    """Asks once for a model of the hub: loading would ask for half a minute. Raises ModelError where there is none."""
    if found.is_local:
        return
    try:
        with quiet():
            is_there = has_file(found.source, CONFIG)  # on the hub, or else in its cache
    except OSError:
        return  # the hub has something to say of it: loading gets that into a sentence
    except Exception:  # a proxy that does not answer, by the network library of the day
        is_there = False
    if not is_there:
        raise ModelError(
            f"{found.source!r} is neither a local directory nor a causal language model that could be fetched from the "
            f"Hugging Face hub: it cannot be reached, or has no {CONFIG} there; give a model directory, or try again "
            "where there is a network"
        )


def _load_model(found: Reference) -> PreTrainedModel:
    if found.is_adapter:
        check_peft()
        return merge_saved(_load_model(_base_of(found)), Path(found.source))
    _check_hub(found)
    try:
        with quiet():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                found.source, dtype="auto", output_loading_info=True, ignore_mismatched_sizes=True,
                local_files_only=found.is_local,
            )  # fmt: skip
    except UNREADABLE as error:
        if found.is_local:
            raise ModelError(
                f"{found.source}: cannot be loaded as a causal language model: {named_reason(error)}"
            ) from error
        raise ModelError(
            f"{found.source!r} is neither a local directory nor a causal language model that could be fetched from the "
            f"Hugging Face hub: {named_reason(error)}"
        ) from error
    model: PreTrainedModel = loaded[0]
    report: dict[str, Any] = loaded[1]
    wrong = [f"lack {name}" for name in sorted(report["missing_keys"])]
    wrong += [f"have {name} in another shape" for name in sorted(str(key[0]) for key in report["mismatched_keys"])]
    if wrong:
        more = f", and {len(wrong) - 1} more such" if len(wrong) > 1 else ""
        raise ModelError(f"{found.source}: the weights {wrong[0]}{more}; the files are incomplete or of another model")
    if model.config.is_encoder_decoder or not isinstance(model.get_output_embeddings(), nn.Module):
        raise ModelError(
            f"{found.source}: is no causal language model ({type(model).__name__}); give a decoder-only one"
        )
    return model


def _base_of(adapter: Reference) -> Reference:
    """What an adapter was trained on. Raises ModelError where that is not there."""
    base = base_of(Path(adapter.source))
    try:
        found = find_model(base)
        _check_hub(found)
    except ModelError as error:
        raise ModelError(f"{adapter.source}: the base of this adapter cannot be found: {error}") from None
    return found


@contextmanager
def quiet() -> Iterator[None]:
    """The bars on the screen are ours, and so is the sentence about what is wrong with a model."""
    shown, verbosity = hugging_face_logging.is_progress_bar_enabled(), hugging_face_logging.get_verbosity()
    hugging_face_logging.disable_progress_bar()
    hugging_face_logging.set_verbosity(hugging_face_logging.CRITICAL)
    try:
        yield
    finally:
        hugging_face_logging.set_verbosity(verbosity)
        if shown:
            hugging_face_logging.enable_progress_bar()


def load_tokenizer(found: Reference) -> PreTrainedTokenizerBase:
    """The tokenizer beside a model's weights, or an adapter's base. Raises ModelError where none can be read."""
    if found.is_adapter and not (Path(found.source) / TOKENIZER_CONFIG).is_file():
        return load_tokenizer(_base_of(found))
    _check_hub(found)
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            found.source, local_files_only=found.is_local
        )
    except UNREADABLE as error:
        raise ModelError(
            f"{found.source}: has no tokenizer that can be read; put tokenizer.json and tokenizer_config.json beside "
            f"the weights: {named_reason(error)}"
        ) from error
    if len(tokenizer) == 0:
        raise ModelError(
            f"{found.source}: has no tokenizer; put tokenizer.json and tokenizer_config.json beside the weights"
        )
    return tokenizer


def _stop_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    config: Any = model.config.get_text_config(decoder=True)
    places = (getattr(model, "generation_config", None), model.config, config, tokenizer)
    found: set[int] = set()
    for place in places:
        ids = getattr(place, "eos_token_id", None)
        found.update([] if ids is None else [ids] if isinstance(ids, int) else ids)
    return frozenset(found)


def choose_device(name: str) -> torch.device:
    """The device of that name; "auto" is a GPU where there is one. Raises ModelError where there is none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ModelError(
            f"there is no device {name!r} here ({named_reason(error)}); give cpu, cuda, cuda:1 or auto"
        ) from None
    return device


def choose_dtype(name: str, device: torch.device, stored: torch.dtype) -> torch.dtype:
    """The dtype of that name; "auto" is float32 on a CPU and the stored one elsewhere. Raises ModelError."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else stored
    if name not in DTYPES:
        raise ModelError(f"there is no dtype {name!r}; give auto, {', '.join(DTYPES)}")
    return DTYPES[name]


def share_tokens(one: PreTrainedTokenizerBase, other: PreTrainedTokenizerBase) -> bool:
    """Whether two tokenizers have the same tokens under the same ids, and end a sequence by the same."""
    return one.get_vocab() == other.get_vocab() and one.eos_token_id == other.eos_token_id


class Reader(Protocol):
    """A model that reads token ids."""

    name: str

    @property
    def vocabulary_size(self) -> int:
        """Ids that it knows."""


def check_reads(what: str, reader: Reader, sampler: Reader) -> None:
    """Raises ModelError where `sampler` may sample an id, of padding, that `reader` does not have."""
    if reader.vocabulary_size < sampler.vocabulary_size:
        raise ModelError(
            f"{what}: the logits of {sampler.name}, which samples, have {sampler.vocabulary_size} places and "
            f"{reader.name} knows {reader.vocabulary_size} ids, so it may sample padding that the other does not have; "
            "resize the embeddings of one of them"
        )


def _check_vocabulary(policy: Policy) -> None:
    largest = max(policy.tokenizer.get_vocab().values(), default=0)
    if largest >= policy.vocabulary_size:
        raise ModelError(
            f"{policy.name}: the tokenizer has ids up to {largest} but the model only {policy.vocabulary_size} "
            "embeddings; they do not belong together"
        )


def _check_head(policy: Policy) -> None:
    """Raises ModelError where a model does more after its output layer than `Policy.logits` knows."""
    ids_BT = torch.arange(min(4, policy.vocabulary_size), device=policy.device)[None]
    with torch.no_grad():
        ours = policy.logits(policy.states(ids_BT)).float()
        theirs = policy.model(input_ids=ids_BT, use_cache=False).logits.float()
    if (ours - theirs).abs().max() > HEAD_TOLERANCE * theirs.abs().max():
        raise ModelError(
            f"{policy.name}: {type(policy.model).__name__} changes its logits in a way that Assay does not know; "
            "it cannot be sampled or trained rightly"
        )


def named_reason(error: BaseException) -> str:
    """The first line of what an error says."""
    text = str(error).strip() or type(error).__name__
    return " ".join(text.splitlines()[0].split())
