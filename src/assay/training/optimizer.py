"""AdamW on float32 masters of the weights, whatever the weights are stored in."""

from pathlib import Path

import torch
from torch import Tensor, nn

from assay.policies.load import DTYPES
from assay.recipe import OptimizerTable
from assay.training.mask import read_mask


class MasterOptimizer:
    """Steps float32 masters and writes them back to the model.

    A weight that is float32 already is its own master. bfloat16 rounds away most small updates, so training on it
    directly loses them (docs of arXiv 2505.11711; 2602.03839). `storage` "bfloat16" rounds the weights to it after
    every update and leaves their dtype, in which products are made. With a mask, gradients outside of it are 0 before
    anything else sees them, so these weights never move (2505.11711, section 4).
    """

    def __init__(self, model: nn.Module, options: OptimizerTable, storage: str = "auto") -> None:
        self.options, self.storage = options, storage
        self.masks = read_mask(Path(options.mask), model) if options.mask else {}
        self.names, self.weights = [], []
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                self.names.append(name)
                self.weights.append(weight)
        self.masters = [
            w if w.dtype == torch.float32 and storage == "auto" else w.detach().float().clone() for w in self.weights
        ]
        self.updates = 0
        self.reset()

    def reset(self) -> None:
        """Forgets the moments of all earlier updates; warm-up goes on counting."""
        options = self.options
        self.adam = torch.optim.AdamW(
            self.masters, lr=options.learning_rate, betas=options.betas, weight_decay=options.weight_decay
        )

    @property
    def learning_rate(self) -> float:
        """Of the next update: linear warm-up, then constant. The warm-up counts updates, not steps."""
        warmup = self.options.warmup_steps
        return self.options.learning_rate * (min(1.0, (self.updates + 1) / warmup) if warmup else 1.0)

    def update(self) -> float:
        """One AdamW update from the gradients on the weights; clears them and returns their norm before clipping."""
        for weight, master in zip(self.weights, self.masters, strict=True):
            if master is not weight:
                master.grad = None if weight.grad is None else weight.grad.float()
                weight.grad = None
        self._mask_gradients()
        norm = nn.utils.clip_grad_norm_(self.masters, self.options.max_grad_norm)
        for group in self.adam.param_groups:
            group["lr"] = self.learning_rate
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        self.updates += 1
        self._write_back()
        return float(norm)

    @property
    def separate_masters(self) -> dict[str, Tensor]:
        """Masters by the names of their weights, on the CPU; empty where the weights are their own."""
        pairs = zip(self.names, self.weights, self.masters, strict=True)
        return {name: master.detach().cpu().contiguous() for name, weight, master in pairs if master is not weight}

    def state(self) -> dict[str, object]:
        """All that `load_state` needs, tensors included."""
        masters: dict[str, Tensor] = dict(zip(self.names, (m.detach() for m in self.masters), strict=True))
        return {"masters": masters, "adam": self.adam.state_dict(), "updates": self.updates}

    def load_state(self, state: dict[str, object]) -> None:
        """Restores masters, moments and the count of updates, bit for bit."""
        masters, adam, updates = state["masters"], state["adam"], state["updates"]
        assert isinstance(masters, dict) and isinstance(adam, dict) and isinstance(updates, int)
        with torch.no_grad():
            for name, master in zip(self.names, self.masters, strict=True):
                master.copy_(masters[name])
        self.adam.load_state_dict(adam)
        self.updates = updates
        self._write_back()

    def _mask_gradients(self) -> None:
        for name, master in zip(self.names, self.masters, strict=True):
            if name in self.masks and master.grad is not None:
                master.grad.masked_fill_(~self.masks[name], 0)

    @torch.no_grad()
    def _write_back(self) -> None:
        for weight, master in zip(self.weights, self.masters, strict=True):
            if master is not weight:
                weight.copy_(master if self.storage == "auto" else master.to(DTYPES[self.storage]))
