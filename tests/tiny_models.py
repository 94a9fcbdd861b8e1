"""Tiny Hugging Face models with random weights, and a word-level tokenizer, for the tests of policies and rollouts."""

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from assay.policies.load import Policy, make_policy
from assay.types import Prompt

PAD, BOS, EOS = 0, 1, 2
VOCABULARY = 61
CHAT = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def make_tokenizer(words=VOCABULARY, chat=None, adds_eos=False, letter="w"):
    """Tokens <pad> <bos> <eos> <user> <assistant> w5 w6 ...; adds <bos> in front, like an organism's."""
    special = ["<pad>", "<bos>", "<eos>", "<user>", "<assistant>"]
    ids = {word: index for index, word in enumerate([*special, *(f"{letter}{index}" for index in range(5, words))])}
    fast = Tokenizer(models.WordLevel(ids, unk_token="<pad>"))
    fast.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    single = "<bos> $A <eos>" if adds_eos else "<bos> $A"
    fast.post_processor = processors.TemplateProcessing(single=single, special_tokens=[("<bos>", BOS), ("<eos>", EOS)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=fast, bos_token="<bos>", eos_token="<eos>", pad_token="<pad>", unk_token="<pad>",
        chat_template=chat, clean_up_tokenization_spaces=False,
    )  # fmt: skip


SIZES = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 50,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "bos_token_id": BOS,
    "eos_token_id": EOS,
    "pad_token_id": PAD,
    "initializer_range": 0.2,  # sharp enough that a wrong mask or position shows
}


def make_model(kind="llama", seed=0, **changes):
    """A model of an architecture, in float32, with dropout where the architecture has some."""
    torch.manual_seed(seed)
    sizes = SIZES | changes
    if kind == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=128, bos_token_id=BOS, eos_token_id=EOS,
            initializer_range=0.2,
        )  # fmt: skip
        return transformers.GPT2LMHeadModel(config)
    own = {"mistral": {"sliding_window": None}, "qwen3": {"head_dim": 16}, "gemma2": {"head_dim": 16}}
    names = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3", "gemma2": "Gemma2",
             "granite": "Granite", "cohere": "Cohere", "mamba": "Mamba", "qwen2_moe": "Qwen2Moe"}  # fmt: skip
    name = names[kind]
    config = getattr(transformers, f"{name}Config")(**(own.get(kind, {}) | sizes))
    return getattr(transformers, f"{name}ForCausalLM")(config)


def tiny_policy(kind="llama", seed=0, stop_ids=None, **changes) -> Policy:
    """A policy named after its architecture."""
    policy = make_policy(make_model(kind, seed, **changes), make_tokenizer(), kind, "v0")
    if stop_ids is not None:
        policy.stop_ids = frozenset(stop_ids)
    return policy


def tiny_prompt(index, words):
    """A prompt of `words` words, so words + 1 tokens."""
    text = " ".join(f"w{5 + (index * 7 + place * 3) % 50}" for place in range(words))
    return Prompt(task="tiny", problem=f"p{index}", gold=None, split="test", text=text)
