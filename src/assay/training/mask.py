"""Subnetwork-only training: which weights may move (Mukherjee et al. 2025, arXiv 2505.11711, section 4).

A mask is a safetensors file of bool tensors under the model's own names, with the metadata `format: assay.mask/1`.
"""

import hashlib
from pathlib import Path

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from assay.errors import DataError
from assay.store import Run

FORMAT = "assay.mask/1"
DIGITS = 12


def check_mask(path: Path) -> None:
    """Raises DataError for what is no mask; reads no tensor."""
    try:
        with safe_open(path, "pt") as file:
            found = (file.metadata() or {}).get("format")
            names = list(file.keys())
            wrong = [name for name in names if file.get_slice(name).get_dtype() != "BOOL"]
    except (OSError, SafetensorError) as error:
        raise DataError(f"optimizer.mask {path}: cannot be read ({error}); give a file of: assay diff --mask") from None
    if found != FORMAT or wrong:
        what = f"its tensor {wrong[0]} is not of bools" if wrong else f"its format is {found!r}, expected {FORMAT!r}"
        raise DataError(f"optimizer.mask {path}: is no mask: {what}; give a file of: assay diff --mask")


def read_mask(path: Path, model: nn.Module) -> dict[str, Tensor]:
    """Name -> bool tensor, True where the weight may move, of each trained weight of the model, on its device.

    A tied weight may stand under any of its names. Raises DataError where the mask is of another model.
    """
    check_mask(path)
    named = {name: weight for name, weight in model.named_parameters(remove_duplicate=False) if weight.requires_grad}
    names = {id(weight): name for name, weight in reversed(named.items())}  # the first, as the optimiser has it
    masks: dict[str, Tensor] = {}
    with safe_open(path, "pt") as file:
        for name in file.keys():  # noqa: SIM118
            if name not in named:
                raise DataError(f"optimizer.mask {path}: has {name}, which is no trained weight of this model")
            shape, expected = file.get_slice(name).get_shape(), list(named[name].shape)
            if shape != expected:
                raise DataError(f"optimizer.mask {path}: {name} has the shape {shape}, the model's {expected}")
            masks[names[id(named[name])]] = file.get_tensor(name).to(named[name].device)
    if lacking := sorted(set(names.values()) - set(masks)):
        more = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise DataError(f"optimizer.mask {path}: lacks {lacking[0]}{more}; give a mask of this very model")
    return masks


def keep_mask(run: Run) -> None:
    """Notes the hash of a run's mask in its manifest. Raises DataError where it is gone, RunError where it changed."""
    if path := run.any_recipe.optimizer.mask:
        check_mask(Path(path))
        with open(path, "rb") as file:
            run.keep_same("mask", {"optimizer.mask": hashlib.file_digest(file, "sha256").hexdigest()[:DIGITS]})
