"""LoRA adapters (arXiv 2106.09685) by peft, an optional package: put on a model, saved, merged, and read again."""

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from assay.errors import ModelError
from assay.files import new_directory
from assay.policies.references import ADAPTER_CONFIG
from assay.recipe import LoraTable

ALL_LINEAR = "all-linear"


def check_peft() -> None:
    """Raises ModelError where peft is not installed."""
    try:
        import peft  # noqa: F401
    except ImportError:
        raise ModelError("LoRA adapters need the package peft; install it: pip install 'assay-rl[lora]'") from None


def add_adapter(model: PreTrainedModel, base: str, table: LoraTable, seed: int) -> None:
    """Puts new adapters on a model and freezes everything else; at first they change nothing it says.

    `base` is noted in the adapter as what it belongs to. Raises ModelError without peft or for targets that do not fit.
    """
    check_peft()
    from peft import LoraConfig

    targets = ALL_LINEAR if ALL_LINEAR in table.targets else list(table.targets)
    config = LoraConfig(r=table.rank, lora_alpha=table.alpha, target_modules=targets, task_type="CAUSAL_LM")
    adapted: Any = model
    try:
        with torch.random.fork_rng(), _quiet():
            torch.manual_seed(seed)
            adapted.add_adapter(config)
    except ValueError as error:
        raise ModelError(f"model.lora.targets {list(table.targets)}: {str(error).splitlines()[0]}") from None
    config.base_model_name_or_path = base
    if {id(adapted.get_input_embeddings()), id(adapted.get_output_embeddings())} & {
        id(each) for _, each in _layers(model)
    }:
        raise ModelError(
            f"model.lora.targets {list(table.targets)}: name the embeddings or the output layer, which may be one "
            "matrix; name layers between them, for example q_proj and v_proj"
        )


def save_adapter(model: PreTrainedModel, directory: Path) -> None:
    """Writes the adapter as a directory of peft, whole or not at all."""
    with new_directory(directory) as temporary:
        model.save_pretrained(temporary)


def merge_adapter(model: PreTrainedModel) -> None:
    """Adds the adapters to the weights that they adapt and takes them off: a plain model of its own class again."""
    adapted: Any = model
    for name, layer in _layers(model):
        layer.merge()
        model.set_submodule(name, layer.get_base_layer())
    adapted._hf_peft_config_loaded = False
    del adapted.peft_config


def merge_saved(model: PreTrainedModel, directory: Path) -> PreTrainedModel:
    """The model with the adapter in a directory of peft merged into it. Raises ModelError."""
    check_peft()
    from peft import PeftModel

    try:
        with _quiet():
            loaded: Any = PeftModel.from_pretrained(model, str(directory))
            merged: PreTrainedModel = loaded.merge_and_unload()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"{directory}: this adapter cannot be put on {model.name_or_path}: {reason}") from error
    return merged.requires_grad_(True)


def base_of(directory: Path) -> str:
    """What the adapter in a directory of peft was made on. Raises ModelError where it does not say."""
    path = directory / ADAPTER_CONFIG
    try:
        base = json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: cannot be read as the configuration of an adapter ({error!r})") from None
    if not isinstance(base, str) or not base:
        raise ModelError(f"{path}: names no base_model_name_or_path; write there the model that it was trained on")
    return base


@contextmanager
def _quiet() -> Iterator[None]:
    """peft asks transformers by old names, and warns of what is refused here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _layers(model: nn.Module) -> list[tuple[str, Any]]:
    from peft.tuners.lora import LoraLayer

    return [(name, module) for name, module in model.named_modules() if isinstance(module, LoraLayer)]
