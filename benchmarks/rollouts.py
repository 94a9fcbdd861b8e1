"""Tokens a second of the engine beside transformers' `generate` and continuous batching, and TRL's generation.

    python benchmarks/rollouts.py --threads 2
    python benchmarks/rollouts.py --shape 0.5B --prompts 4 --group 8 --fixed-tokens 32 --rounds 3 --ways assay dynamic

All sample the same prompts from the same weights at temperature 1: an organism at natural lengths (until the end of
sequence) and at a fixed length (no end of sequence, every response as long as the limit); a model of random weights
of a published shape (`--shape`) at a fixed length. `generate` gets all rows at once in one left-padded batch, with each
of its caches. On a CPU continuous batching gets so many rows at once (`--continuous-rows`): of 8 to 256 the number that
was fastest here, and far faster than its own defaults, which are made for GPUs. TRL's is that of GRPOTrainer without
vLLM, where TRL is installed. Each side is a process of its own. After a warm-up all take turns, in an order that is
reversed from round to round; numbers of tokens differ by chance only, so tokens a second are compared. The engine's
log-probabilities are compared with those of training's forward pass.
"""

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import torch
from floors import measure_rates
from measured import Apart, Lap, Row, Side, finish, parser, ratios, take_turns
from models import SHAPES, made_prompts, make_setting, quieten, save_shape, without_end
from transformers import GenerationConfig
from transformers.generation.configuration_utils import ContinuousBatchingConfig

from assay.policies.load import Policy, load_policy
from assay.policies.templates import render
from assay.registry import resolve
from assay.rollout.divergence import measure_divergence
from assay.rollout.engine import Engine
from assay.tasks import make_task
from assay.types import Prompt, Sampling

PAGE_TOKENS = 32
Sampler = Callable[[int], int]
"""Seed -> number of tokens sampled."""


def engine_sampler(policy: Policy, prompts: list[Prompt], setting: argparse.Namespace) -> Sampler:
    """The engine, as training and `assay sample` use it."""
    engine = Engine(policy, slots=setting.slots)

    def sample(seed: int) -> int:
        groups = engine.generate(prompts, setting.group, Sampling(max_new_tokens=setting.limit, seed=seed))
        return sum(sample.length_tokens for group in groups for sample in group.samples)

    return sample


def generate_sampler(policy: Policy, prompts: list[Prompt], setting: argparse.Namespace, cache: str) -> Sampler:
    """transformers' `generate`; tokens count up to and with a response's first end of sequence."""
    ids = [render(prompt, policy.tokenizer)[1] for prompt in prompts]
    width, stops = max(map(len, ids)), sorted(policy.stop_ids)
    ids_BP = torch.tensor([[0] * (width - len(each)) + each for each in ids], device=policy.device)
    mask_BP = torch.tensor([[0] * (width - len(each)) + [1] * len(each) for each in ids], device=policy.device)
    stops_E = torch.tensor(stops, dtype=torch.long, device=policy.device)
    config = generation_config(policy, setting, cache_implementation=cache)

    def sample(seed: int) -> int:
        torch.manual_seed(seed)
        is_warm_up = setting.shape and seed <= 0  # of a large model a short one will do
        config.max_new_tokens = 2 if is_warm_up else setting.limit
        with torch.no_grad():
            whole = policy.model.generate(ids_BP, attention_mask=mask_BP, generation_config=config)
        ends = torch.isin(whole[:, width:], stops_E)
        return int(torch.where(ends.any(1), ends.int().argmax(1) + 1, ends.shape[1]).sum())

    return sample


def continuous_sampler(policy: Policy, prompts: list[Prompt], setting: argparse.Namespace) -> Sampler:
    """transformers' continuous batching, `generate_batch`."""
    ids = [render(prompt, policy.tokenizer)[1] for prompt in prompts]
    rows = min(setting.continuous_rows, len(prompts) * setting.group)
    pages = rows * (-(-(max(map(len, ids)) + setting.limit) // PAGE_TOKENS) + 1)
    config, sizes = generation_config(policy, setting), {}
    if policy.device.type == "cpu":
        sizes = {
            "page_size": PAGE_TOKENS,
            "num_blocks": pages,
            "max_batch_tokens": rows,
            "max_requests_per_batch": rows,
        }

    def sample(seed: int) -> int:
        batching = ContinuousBatchingConfig(seed=seed, **sizes)
        with torch.no_grad():
            found = policy.model.generate_batch(ids, config, continuous_batching_config=batching)
        return sum(len(each.generated_tokens) for each in found.values())

    return sample


def trl_sampler(policy: Policy, prompts: list[Prompt], setting: argparse.Namespace) -> Sampler:
    """What GRPOTrainer calls in a step, without vLLM."""
    with tempfile.TemporaryDirectory() as folder:
        make_trainer = resolve("trl_trainer:make_trainer")  # only here, for its import takes seconds
        trainer = make_trainer(setting, Path(folder), 1, setting.samples)
    ids = [render(prompt, policy.tokenizer)[1] for prompt in prompts for _ in range(setting.group)]

    def sample(seed: int) -> int:
        torch.manual_seed(seed)
        found, _ = trainer._generate_single_turn(ids, None, {}, setting.group)
        return sum(map(len, found))

    return sample


def generation_config(policy: Policy, setting: argparse.Namespace, **more: str) -> GenerationConfig:
    """Plain sampling at temperature 1."""
    return GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=setting.limit, pad_token_id=0,
        eos_token_id=sorted(policy.stop_ids) or None, num_return_sequences=setting.group, **more,
    )  # fmt: skip


WAYS: dict[str, Callable[[Policy, list[Prompt], argparse.Namespace], Sampler]] = {
    "assay": engine_sampler,
    "dynamic": lambda *given: generate_sampler(*given, "dynamic"),
    "static": lambda *given: generate_sampler(*given, "static"),
    "continuous": continuous_sampler,
    "trl": trl_sampler,
}


def prompts_of(setting: argparse.Namespace) -> list[Prompt]:
    """The prompts of the tasks in equal shares, or random words for a shape."""
    if setting.shape:
        return made_prompts(setting.prompts, setting.prompt_tokens)
    count = len(setting.tasks)
    shares = [len(range(at, setting.prompts, count)) for at in range(count)]
    pairs = zip(setting.tasks, shares, strict=True)
    return [prompt for spec, share in pairs for prompt in make_task(spec).prompts("test", share)]


def load(setting: argparse.Namespace) -> Policy:
    """The policy, without a generation config of its own that could change the sampling."""
    quieten(setting.threads)
    policy = load_policy(setting.base, setting.device, setting.dtype)
    policy.model.generation_config = GenerationConfig()
    return policy


def make_side(way: str, setting: argparse.Namespace) -> Side:
    """A sampler, in its process."""
    return WAYS[way](load(setting), prompts_of(setting), setting)


def describe(setting: argparse.Namespace, tokens: int) -> tuple[float, float, str]:
    """Least operations and bytes of so many sampled tokens, and what the engine's log-probabilities are off by.

    Two operations a weight and token, prompts once a group; at a fixed length all weights are read at each step.
    """
    policy, prompts = load(setting), prompts_of(setting)
    weights = sum(each.numel() for each in policy.model.parameters())
    prompt_tokens = sum(len(render(each, policy.tokenizer)[1]) for each in prompts)
    steps = setting.limit * -(-setting.samples // setting.slots) if setting.fixed else 0
    moved = float(steps * weights * policy.dtype.itemsize)
    few, members = (prompts[:1], 2) if setting.shape else (prompts[:8], 8)  # it samples twice, once in five slots
    off = measure_divergence(policy, few, members, Sampling(max_new_tokens=setting.limit)).from_training
    return 2.0 * weights * (tokens + prompt_tokens), moved, f"largest difference from training's forward pass {off:.1e}"


def compare(setting: argparse.Namespace) -> list[Row]:
    """A row for each side that the engine is set against; the two caches are one, the faster of each round."""
    ways = [way for way in setting.ways if way != "trl" or find_spec("trl")]
    with ExitStack() as stack:
        sides = {way: stack.enter_context(Apart(make_side, way, setting, threads=setting.threads)) for way in ways}
        laps = take_turns(sides, setting.rounds)
        memory = {way: each.memory.above_imports for way, each in sides.items()}
    rates = {way: [lap.result / lap.seconds for lap in each] for way, each in laps.items()}
    caches = [rates[way] for way in ("dynamic", "static") if way in rates]
    against = {"transformers generate": [max(each) for each in zip(*caches, strict=True)]} if caches else {}
    against |= {
        name: rates[way]
        for way, name in (("continuous", "transformers continuous batching"), ("trl", "TRL's generation"))
        if way in rates
    }
    return rows_of(setting, laps["assay"], rates, against, memory)


def rows_of(
    setting: argparse.Namespace, laps: Sequence[Lap], rates: dict[str, list[float]], against: dict[str, list[float]],
    memory: dict[str, float | None],
) -> list[Row]:  # fmt: skip
    """The rows."""
    tokens = round(statistics.median(lap.result for lap in laps))
    operations, moved, off = describe(setting, tokens)
    machine_rates = measure_rates(setting.threads, setting.device, setting.dtype)
    name = f"rollouts, {setting.shape} shape" if setting.shape else "rollouts, small"
    name += f", {'fixed length' if setting.fixed else 'natural lengths'}"
    work = f"{setting.prompts} prompts x {setting.group} of {setting.model if not setting.shape else 'random words'}, "
    work += f"{tokens / setting.samples:.1f} tokens each, {setting.dtype} on {setting.device}"
    said = "; ".join(f"{way} {statistics.median(each):,.0f} tokens/s" for way, each in rates.items())
    return [
        Row(
            f"{name}, against {who}", work, who, ratios(rates["assay"], theirs), "x",
            at_least=setting.goals["fixed" if setting.fixed else who],
            seconds=statistics.median(lap.seconds for lap in laps),
            floor_seconds=machine_rates.seconds(operations, moved), floor=machine_rates.text(operations, moved),
            memory=memory, more=f"{said}; {off}",
        )
        for who, theirs in against.items()
    ]  # fmt: skip


GOALS = {
    "transformers generate": 5.0, "transformers continuous batching": 3.0, "TRL's generation": 5.0, "fixed": 2.0
}  # fmt: skip


def parse_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    found = parser(__doc__)
    found.add_argument("--model", default="organism:code-base")
    found.add_argument("--tasks", nargs="+", default=["compose:seen", "countdown"])
    found.add_argument("--shape", choices=SHAPES, help="random weights of this shape in place of --model")
    found.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    found.add_argument("--lengths", nargs="+", choices=("natural", "fixed"), default=["natural", "fixed"])
    for name, default in (
        ("prompts", 64), ("group", 16), ("max-new-tokens", 96), ("fixed-tokens", 48), ("prompt-tokens", 128),
        ("slots", 1024), ("continuous-rows", 32),
    ):  # fmt: skip
        found.add_argument(f"--{name}", type=int, default=default)
    found.add_argument("--device", default="cpu")
    found.add_argument("--dtype", default="float32")
    options = found.parse_args(arguments)
    more = {"task": options.tasks[0], "updates": 1, "learning_rate": 1e-4, "goals": GOALS}  # for TRL's trainer
    return argparse.Namespace(**vars(options), **more)


def measure(options: argparse.Namespace, folder: Path) -> list[Row]:
    """Rows of the organism at both lengths, or of a shape at a fixed one."""
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # as Assay's command line does; for all sides
    quieten(options.threads)
    if options.shape:
        return compare(make_setting(options, save_shape(options.shape, folder / "shape")))
    found = []
    for lengths in options.lengths:
        base = without_end(options.model, str(folder / "model")) if lengths == "fixed" else None
        setting = make_setting(options, base)
        if setting.fixed:  # the goal at a fixed length is against batches; nothing leaves one before the others
            setting.ways = [way for way in setting.ways if way != "continuous"]
        found += compare(setting)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    options = parse_options(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return finish(options, measure(options, Path(folder)))


if __name__ == "__main__":
    sys.exit(main())
