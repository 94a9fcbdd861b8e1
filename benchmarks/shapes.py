"""Models of published shapes with random weights, for speed alone: no response ends before its limit.

A word-level tokenizer has a word for each id that the model has, so any sampled id is text.
"""

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from assay.types import Prompt

SHAPES = {
    "0.5B": {"hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14},
    "1.5B": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12},
    "tiny": {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
}
"""Of Qwen2.5, with two key-value heads, tied embeddings and 151,936 ids; "tiny" is for tests and has 512."""
VOCABULARY = {"tiny": 512}


def save_shape(name: str, folder: Path) -> str:
    """Writes a model of that shape in bfloat16, with its tokenizer; returns the path as a reference."""
    ids = VOCABULARY.get(name, 151_936)
    config = Qwen2Config(
        vocab_size=ids, num_key_value_heads=2, tie_word_embeddings=True, max_position_embeddings=32_768,
        bos_token_id=None, eos_token_id=None, **SHAPES[name],
    )  # fmt: skip
    torch.manual_seed(0)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        model = Qwen2ForCausalLM(config)
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
