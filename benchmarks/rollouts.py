"""Tokens a second of the engine and of transformers' `generate`, side by side, on a model with random weights.

    python benchmarks/rollouts.py --threads 2

Both sample the same prompts from the same small Llama at temperature 1 until one of eight ids or the length limit; the
numbers of tokens differ by chance only. They take turns after a warm-up, and medians are reported with the range. The
engine's log-probabilities are compared with those of the forward pass that training uses.
"""

import argparse
import statistics
import time

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assay.policies.load import Policy, make_policy
from assay.rollout.divergence import measure_divergence
from assay.rollout.engine import Engine
from assay.types import Prompt, Sampling

VOCABULARY = 250
STOP_IDS = range(2, 10)
"""Eight of 250 ids: responses of 31 tokens on average without the limit."""


def make(options: argparse.Namespace) -> Policy:
    """A Llama of the given size with a word-level tokenizer."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=options.width, intermediate_size=options.mlp,
        num_hidden_layers=options.layers, num_attention_heads=options.heads, num_key_value_heads=options.heads,
        max_position_embeddings=1024, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    words = Tokenizer(models.WordLevel({f"w{index}": index for index in range(VOCABULARY)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="w0", eos_token="w2", padding_side="left")
    policy = make_policy(LlamaForCausalLM(config), tokenizer, "benchmark", "random")
    policy.stop_ids = frozenset(STOP_IDS)
    policy.model.to(options.device)
    return policy


def by_engine(engine: Engine, prompts: list[Prompt], options: argparse.Namespace, seed: int) -> int:
    """Tokens sampled."""
    groups = engine.generate(prompts, options.group, Sampling(max_new_tokens=options.max_new_tokens, seed=seed))
    return sum(sample.length_tokens for group in groups for sample in group.samples)


def by_generate(policy: Policy, prompts: list[Prompt], options: argparse.Namespace, seed: int) -> int:
    """Tokens sampled, up to each response's first stop id."""
    torch.manual_seed(seed)
    config = GenerationConfig(
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=options.max_new_tokens,
        eos_token_id=list(STOP_IDS), pad_token_id=0, num_return_sequences=options.group,
    )  # fmt: skip
    inputs = policy.tokenizer([prompt.text for prompt in prompts], return_tensors="pt", padding=True)
    ids, mask = inputs["input_ids"].to(policy.device), inputs["attention_mask"].to(policy.device)
    with torch.no_grad():
        whole = policy.model.generate(ids, attention_mask=mask, generation_config=config)
    ends = torch.isin(whole[:, ids.shape[1] :], torch.tensor(list(STOP_IDS), device=policy.device))
    lengths = torch.where(ends.any(1), ends.int().argmax(1) + 1, ends.shape[1])
    return int(lengths.sum())


def main() -> None:
    """Parses the options, takes turns, prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("prompts", 32), ("group", 16), ("max-new-tokens", 60), ("width", 96), ("layers", 4), ("heads", 4),
        ("mlp", 256), ("slots", 512), ("threads", 2), ("rounds", 5),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    policy = make(options)
    prompts = [
        Prompt(
            "benchmark", f"p{i}", None, "test", text=" ".join(f"w{10 + (7 * i + j) % 200}" for j in range(9 + i % 6))
        )
        for i in range(options.prompts)
    ]
    engine = Engine(policy, slots=options.slots)
    ways = {
        "assay": lambda seed: by_engine(engine, prompts, options, seed),
        "transformers": lambda seed: by_generate(policy, prompts, options, seed),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(options.rounds + 1):
        for name, sample in ways.items():
            start = time.perf_counter()
            tokens = sample(turn)
            if turn:  # the first turn warms up
                rates[name].append(tokens / (time.perf_counter() - start))
    print(f"{options.prompts} prompts x {options.group}, {options.threads} threads, {options.device}, {policy.dtype}")
    for name, each in rates.items():
        print(f"{name:<13} {statistics.median(each):>9,.0f} tokens/s   ({min(each):,.0f} to {max(each):,.0f})")
    print(f"ratio of medians {statistics.median(rates['assay']) / statistics.median(rates['transformers']):.1f}")
    print(measure_divergence(policy, prompts[:8], 8, Sampling(max_new_tokens=options.max_new_tokens)))


if __name__ == "__main__":
    main()
