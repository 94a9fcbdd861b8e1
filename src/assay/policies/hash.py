"""The hash of a model's weights: the same however they are cut into files, another as soon as one bit differs."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

DIGITS = 12


def weights_hash(state: Mapping[str, Tensor]) -> str:
    """Twelve hex digits of the SHA-256 over name, dtype, shape and bytes of every tensor, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:DIGITS]
