"""Tokens a second of the engine and of transformers' `generate`, side by side, on an organism.

    python benchmarks/rollouts.py --threads 2

Both sample the same prompts from the same weights at temperature 1, once at natural lengths (until the end of sequence)
and once at a fixed length (no end of sequence, every response as long as the limit). `generate` gets all rows at once
in one left-padded batch, once with each of its caches. After a warm-up all take turns, in an order that is reversed
from round to round. Shown are medians and ranges, of the ratio too, which sets the engine against the faster cache of
its round; numbers of tokens differ by chance only.
The engine's log-probabilities are compared with those of the forward pass that training uses.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import torch
import transformers
from transformers import GenerationConfig

from assay.policies.load import Policy, load_policy
from assay.policies.templates import render
from assay.rollout.divergence import measure_divergence
from assay.rollout.engine import Engine
from assay.tasks import make_task
from assay.types import Prompt, Sampling

CACHES = ("dynamic", "static")
Sampler = Callable[[int], int]
"""Seed -> number of tokens sampled."""


def engine_sampler(policy: Policy, prompts: list[Prompt], options: argparse.Namespace, limit: int) -> Sampler:
    """The engine, as training and `assay sample` use it."""
    engine = Engine(policy, slots=options.slots)

    def sample(seed: int) -> int:
        groups = engine.generate(prompts, options.group, Sampling(max_new_tokens=limit, seed=seed))
        return sum(sample.length_tokens for group in groups for sample in group.samples)

    return sample


def generate_sampler(
    policy: Policy, prompts: list[Prompt], options: argparse.Namespace, limit: int, cache: str
) -> Sampler:
    """transformers' `generate`; tokens count up to and with a response's first end of sequence."""
    ids = [render(prompt, policy.tokenizer)[1] for prompt in prompts]
    width, stops = max(map(len, ids)), sorted(policy.stop_ids)
    ids_BP = torch.tensor([[0] * (width - len(each)) + each for each in ids], device=policy.device)
    mask_BP = torch.tensor([[0] * (width - len(each)) + [1] * len(each) for each in ids], device=policy.device)
    stops_E = torch.tensor(stops, dtype=torch.long, device=policy.device)
    config = GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=limit, eos_token_id=stops or None,
        pad_token_id=0, num_return_sequences=options.group, cache_implementation=cache,
    )  # fmt: skip

    def sample(seed: int) -> int:
        torch.manual_seed(seed)
        with torch.no_grad():
            whole = policy.model.generate(ids_BP, attention_mask=mask_BP, generation_config=config)
        ends = torch.isin(whole[:, width:], stops_E)
        return int(torch.where(ends.any(1), ends.int().argmax(1) + 1, ends.shape[1]).sum())

    return sample


def rate(sample: Sampler, seed: int) -> float:
    """Tokens a second."""
    start = time.perf_counter()
    tokens = sample(seed)
    return tokens / (time.perf_counter() - start)


def compare(name: str, policy: Policy, prompts: list[Prompt], options: argparse.Namespace, limit: int) -> None:
    """Warms up, takes turns, prints five lines."""
    ways = {"assay": engine_sampler(policy, prompts, options, limit)}
    ways |= {cache: generate_sampler(policy, prompts, options, limit, cache) for cache in CACHES}
    tokens = ways["assay"](0)
    for sample in ways.values():  # the first calls build caches and try row counts
        sample(0)
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(1, options.rounds + 1):
        for way in list(ways)[:: 1 if turn % 2 else -1]:
            rates[way].append(rate(ways[way], turn))
    best = [max(pair) for pair in zip(*(rates[cache] for cache in CACHES), strict=True)]
    ratios = [ours / theirs for ours, theirs in zip(rates["assay"], best, strict=True)]
    rows = len(prompts) * options.group
    print(f"{name} lengths: {rows} responses of {tokens / rows:.1f} tokens on average, at most {limit}")
    for way, each in rates.items():
        who = way if way == "assay" else f"transformers, {way}"
        print(f"{who:<21} {statistics.median(each):>9,.0f} tokens/s   ({min(each):,.0f} to {max(each):,.0f})")
    print(
        f"ratio                 {statistics.median(ratios):>9.2f}            ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="organism:code-base")
    parser.add_argument("--tasks", nargs="+", default=["compose:seen", "countdown"])
    for name, default in (
        ("prompts", 32), ("group", 16), ("max-new-tokens", 96), ("fixed-tokens", 48), ("slots", 512), ("threads", 2),
        ("rounds", 5),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    return parser.parse_args()


def main() -> None:
    """Loads the model, compares at natural and at fixed lengths, and checks log-probabilities."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    policy = load_policy(options.model, options.device, options.dtype)
    policy.model.generation_config = GenerationConfig()  # so that nothing of the model's own changes the sampling
    shares = [len(range(i, options.prompts, len(options.tasks))) for i in range(len(options.tasks))]
    prompts = [
        prompt
        for spec, share in zip(options.tasks, shares, strict=True)
        for prompt in make_task(spec).prompts("test", share)
    ]
    print(f"{policy.label}, {options.prompts} prompts x {options.group} of {' '.join(options.tasks)}")
    print(
        f"{options.threads} threads of {os.cpu_count()} CPUs, {policy.device}, {policy.dtype}, torch "
        f"{torch.__version__}, transformers {transformers.__version__}, Python {platform.python_version()}"
    )
    compare("natural", policy, prompts, options, options.max_new_tokens)
    compare("fixed", replace(policy, stop_ids=frozenset()), prompts, options, options.fixed_tokens)
    print(measure_divergence(policy, prompts[:8], 8, Sampling(max_new_tokens=options.max_new_tokens)))


if __name__ == "__main__":
    main()
