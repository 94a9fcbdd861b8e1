"""Rollouts and a GRPO step on a GPU: models of published shapes in bfloat16, beside transformers and TRL on it.

    python benchmarks/gpu.py --shapes 0.5B 1.5B

Weights are random, so no response ends before 512 tokens: 64 prompts x 16. The last row of a shape is the share of the
memory-bandwidth roofline in decode: bytes of weights and of keys and values that the steps must read, over the measured
bandwidth, over the engine's seconds, prefill among them. Where there is no CUDA device it says so and exits with 2.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import grpo_step
import rollouts
import torch
from floors import measure_rates
from measured import Apart, Row, finish, parser, seconds, take_turns
from models import SHAPES, make_setting, save_shape

from assay.policies.load import load_policy

SHARE, GENERATE_GOAL, STEP_GOAL = 0.6, 5.0, 3.0
"""The goals: of the roofline, against generation, against TRL's step."""


def setting_of(options: argparse.Namespace, shape: str) -> argparse.Namespace:
    """What rollouts.py takes."""
    given = ["--shape", shape, "--device", options.device, "--dtype", options.dtype]
    for name in ("prompts", "group", "prompt_tokens", "fixed_tokens", "slots", "rounds", "threads"):
        given += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    return rollouts.parse_options(given)


def roofline(setting: argparse.Namespace) -> Row:
    """The share of the bandwidth that decoding reaches."""
    policy = load_policy(setting.base, "cpu", setting.dtype)
    weights = sum(each.numel() for each in policy.model.parameters()) * policy.dtype.itemsize
    config = policy.config
    token = 2 * config.num_hidden_layers * config.num_key_value_heads * policy.dtype.itemsize
    token *= config.hidden_size // config.num_attention_heads
    steps = setting.limit * -(-setting.samples // setting.slots)
    held = setting.limit * (setting.prompts * setting.prompt_tokens + setting.samples * setting.limit / 2)
    moved = float(weights * steps + token * held)
    with Apart(rollouts.make_side, "assay", setting, threads=setting.threads) as engine:
        laps = take_turns({"assay": engine}, setting.rounds)["assay"]
        memory = {"assay": engine.memory.above_imports}
    rates = measure_rates(setting.threads, setting.device, setting.dtype)
    least = moved / rates.gigabytes / 1e9
    return Row(
        f"decode, {setting.shape} shape, share of the bandwidth",
        f"{setting.samples} responses of {setting.limit} tokens", "-",
        [least / each for each in seconds(laps)], "x", at_least=SHARE, seconds=statistics.median(seconds(laps)),
        floor_seconds=least, floor=f"{moved / 1e9:.3g} GB at {rates.gigabytes:.0f} GB/s", memory=memory,
    )  # fmt: skip


def measure(options: argparse.Namespace, folder: Path) -> list[Row]:
    """All rows of all shapes."""
    rows = []
    for shape in options.shapes:
        base = save_shape(shape, folder / shape)
        setting = make_setting(setting_of(options, shape), base)
        setting.goals = {"fixed": GENERATE_GOAL}
        rows += [*rollouts.compare(setting), roofline(setting)]
        if options.step:
            step = {"task": "compose:seen", "model": f"the {shape} shape", "micro_batches": options.micro_batches}
            both = argparse.Namespace(**vars(setting_of(options, shape)) | step)
            found = grpo_step.compare(make_setting(both, base), folder / f"step-{shape}")
            rows += [replace(row, name=f"{row.name}, {shape} shape", at_least=STEP_GOAL) for row in found]
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints; the exit code is 2 without CUDA."""
    found = parser(__doc__)
    found.add_argument("--shapes", nargs="+", choices=SHAPES, default=["0.5B", "1.5B"])
    for name, default in (
        ("prompts", 64), ("group", 16), ("prompt-tokens", 128), ("fixed-tokens", 512), ("slots", 1024),
    ):  # fmt: skip
        found.add_argument(f"--{name}", type=int, default=default)
    found.add_argument("--micro-batches", type=int, nargs="+", default=[16, 32, 64])
    found.add_argument("--device", default="cuda")
    found.add_argument("--dtype", default="bfloat16")
    found.add_argument("--no-step", dest="step", action="store_false", help="leave the GRPO step out")
    options = found.parse_args(arguments)
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("gpu: there is no CUDA device here; run this where torch sees one", file=sys.stderr)
        return 2
    if options.step and grpo_step.trl is None:
        print(f"gpu: {grpo_step.MISSING}, or leave the step out with --no-step", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        return finish(options, measure(options, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
