"""Models to measure: an organism that never ends a response, and published shapes with random weights.

A shape's word-level tokenizer has a word for each id that the model has, so any sampled id is text; it has no end of
sequence.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assay.policies.load import load_policy
from assay.types import Prompt

SHAPES = {
    "0.5B": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14},
    "1.5B": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12},
    "tiny": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
}
"""Of Qwen2.5, with two key-value heads, tied embeddings and 151,936 ids, as a Llama, which differs by biases alone (for
a Qwen2 transformers would take another tokenizer than the one beside it); "tiny" is for tests and has 512."""
VOCABULARY = {"tiny": 512}


def save_shape(name: str, folder: Path) -> str:
    """Writes a model of that shape in bfloat16, with its tokenizer; returns the path as a reference."""
    ids = VOCABULARY.get(name, 151_936)
    config = LlamaConfig(
        vocab_size=ids, num_key_value_heads=2, tie_word_embeddings=True, max_position_embeddings=32_768,
        bos_token_id=None, eos_token_id=None, **SHAPES[name],
    )  # fmt: skip
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    model.generation_config.eos_token_id = None
    model.save_pretrained(folder)
    words = Tokenizer(models.WordLevel({f"w{each}": each for each in range(ids)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="w0", pad_token="w0")
    tokenizer.save_pretrained(folder)
    return str(folder)


def made_prompts(count: int, tokens: int) -> list[Prompt]:
    """Prompts of so many random words."""
    words = np.random.default_rng(0).integers(1, 500, (count, tokens))
    return [
        Prompt("made", f"made/{at}", None, "test", text=" ".join(f"w{each}" for each in row))
        for at, row in enumerate(words)
    ]


def without_end(reference: str, folder: str) -> str:
    """A copy of the model that has no end-of-sequence id, so that every response is as long as the limit."""
    policy = load_policy(reference, "cpu", "float32")
    for config in (policy.model.config, policy.model.generation_config):
        config.eos_token_id = None
    policy.tokenizer.eos_token = None
    policy.model.save_pretrained(folder)
    policy.tokenizer.save_pretrained(folder)
    assert not load_policy(folder).stop_ids
    return folder


def make_setting(options: argparse.Namespace, base: str | None = None) -> argparse.Namespace:
    """The options, with what one comparison adds.

    `base`: a reference to a model; `limit`: the most tokens of a response; `fixed`: no response ends before the limit,
    where `base` names a model that never ends one; `samples`: of a step.
    """
    limit = options.fixed_tokens if base else options.max_new_tokens
    more = {"base": base or options.model, "fixed": bool(base), "samples": options.prompts * options.group}
    return argparse.Namespace(**vars(options), limit=limit, **more)


def quieten(threads: int) -> None:
    """At the start of a process: its number of threads, and no talk of libraries."""
    torch.set_num_threads(threads)
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
