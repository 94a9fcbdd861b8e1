"""A policy or a reward model becomes a plain Hugging Face directory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torch import nn
from transformers.utils import logging

from assay.files import new_directory
from assay.policies.load import DTYPES, Policy
from assay.policies.reward_model import RewardModel


def save_policy(policy: Policy | RewardModel, directory: Path, storage: str = "auto") -> Path:
    """Writes weights (safetensors), configuration and tokenizer to `directory`, whole or not at all.

    What was in `directory` before is replaced. `storage` is the dtype to write, "auto" for that of the weights;
    these are rounded to it, and stay in their own.
    """
    logging.disable_progress_bar()
    with new_directory(directory) as temporary, stored(policy.model, storage):
        policy.model.save_pretrained(temporary)
        policy.tokenizer.save_pretrained(temporary)
    return directory


@contextmanager
def stored(model: nn.Module, storage: str) -> Iterator[None]:
    """Inside, the weights have the dtype that they are stored in; buffers keep theirs."""
    before = [(weight, weight.dtype) for weight in model.parameters()]
    for weight, dtype in before:
        weight.data = weight.data.to(dtype if storage == "auto" else DTYPES[storage])
    try:
        yield
    finally:
        for weight, dtype in before:
            weight.data = weight.data.to(dtype)
