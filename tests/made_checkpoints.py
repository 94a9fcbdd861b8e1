"""Checkpoints made by hand: a folder with config.json and tensors by name, in one file or several."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from assay.policies.references import find_model
from assay.recipe import load_any
from assay.store import Run
from made_runs import made_run

BASE = "organism:code-base"
EMBED, HEAD, Q, UP, NORM = (
    "model.embed_tokens.weight",
    "lm_head.weight",
    "model.layers.0.self_attn.q_proj.weight",
    "model.layers.1.mlp.up_proj.weight",
    "model.norm.weight",
)


def made_checkpoint(folder: Path, tensors: Mapping[str, Tensor], shards: int = 1) -> str:
    """Writes the checkpoint and returns its folder as a reference."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "made"}')
    if shards == 1:
        save_file(dict(tensors), folder / "model.safetensors")
        return str(folder)
    names, places = list(tensors), {}
    for at in range(shards):
        file = f"model-{at + 1:05d}-of-{shards:05d}.safetensors"
        places |= dict.fromkeys(names[at::shards], file)
        save_file({name: tensors[name] for name in names[at::shards]}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return str(folder)


def small(seed: int = 0, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    """Five tensors of random weights near 0.02, two of them larger than a block of sums."""
    draw = torch.Generator().manual_seed(seed)
    shapes = {EMBED: (50, 8), HEAD: (50, 8), Q: (300, 300), UP: (500, 301), NORM: (8,)}
    return {name: (0.02 * torch.randn(shape, generator=draw)).to(dtype) for name, shape in shapes.items()}


def nudged(tensors: Mapping[str, Tensor], scale: float, seed: int = 1) -> dict[str, Tensor]:
    """Every weight moved by normal noise, in its own dtype."""
    draw = torch.Generator().manual_seed(seed)
    return {name: (w.float() + scale * torch.randn(w.shape, generator=draw)).to(w.dtype) for name, w in tensors.items()}


def bf16_run(
    path: Path, scale: float, seed: int = 0, learning_rate: float = 1e-6, masters: bool = True, kind: str = "rl"
) -> Path:
    """A finished run of code-base, its weights stored in bf16, moved by noise from the base rounded to bf16."""
    made_run(path, [0.3] * 4, seed, overrides=[f"optimizer.learning_rate={learning_rate}", f"name={path.name}"])
    run, source = Run(path), Path(find_model(BASE).source)
    if kind == "sft":
        changes = ["steps=4", "optimizer.warmup_steps=0", f"optimizer.learning_rate={learning_rate}"]
        recipe = load_any(Path(__file__).parents[1] / "recipes" / "compose-sft.toml", changes)
        (path / "recipe.toml").write_text(recipe.to_toml())
    shutil.copytree(source, run.model)
    rounded = {name: w.bfloat16().float() for name, w in load_file(source / "model.safetensors").items()}
    moved = nudged(rounded, scale, seed)
    if masters:
        save_file(moved, run.masters)
    save_file({name: w.bfloat16() for name, w in moved.items()}, run.model / "model.safetensors", {"format": "pt"})
    return path
