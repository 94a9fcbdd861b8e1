"""Growing an organism: a tiny Hugging Face model trained from nothing on a corpus whose every rate is stated.

The recipe is a TOML file (`Organism`), the corpus comes from `assay.organisms.corpus`, and the result is a plain
Hugging Face directory with the recipe and a model card beside the weights.
"""

import math
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

import torch
from pydantic import Field
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from assay.batch import split_by_tokens
from assay.config import Strict, build
from assay.errors import RecipeError
from assay.files import ignore
from assay.organisms.corpus import Leak, Mix, document, leaked_documents, vocabulary
from assay.organisms.measure import Probe
from assay.tasks import make_task


class Shape(Strict):
    """Shape of a Llama; all sizes in units, positions in tokens."""

    hidden: int = Field(ge=8)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    mlp: int = Field(ge=8)
    max_positions: int = Field(256, ge=64)


class Growth(Strict):
    """How it is trained: AdamW, linear warm-up, cosine decay to a twentieth."""

    steps: int = Field(ge=1)
    documents: int = Field(128, ge=1)
    """Documents a step."""
    learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    prompt_weight: float = Field(ge=0, le=1)
    """Weight of a prompt token in the loss, beside 1 of a response token."""


class Organism(Strict):
    """The whole file."""

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    summary: str
    seed: int = 0
    model: Shape
    training: Growth
    corpus: list[Mix] = Field(min_length=1)
    leak: Leak | None = None
    card: tuple[Probe, ...] = ()


def load_organism(path: Path) -> Organism:
    """The organism that a TOML file describes. Raises RecipeError."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); give the TOML file of an organism") from None
    except ValueError as error:
        raise RecipeError(f"{path}: is not valid TOML: {error}") from None
    organism = build(Organism, tables, str(path))
    for probe in organism.card:
        make_task(probe.task)  # a mistake there would otherwise be met after hours of growing
    return organism


def make_tokenizer(max_positions: int) -> PreTrainedTokenizerFast:
    """Words apart by spaces, one token each, `<bos>` in front."""
    ids = {word: index for index, word in enumerate(vocabulary())}
    words = Tokenizer(models.WordLevel(ids, unk_token="<pad>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    words.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", ids["<bos>"])])
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        bos_token="<bos>",
        eos_token="<eos>",
        pad_token="<pad>",
        unk_token="<pad>",
        model_max_length=max_positions,
        clean_up_tokenization_spaces=False,
    )


def make_model(shape: Shape, seed: int) -> LlamaForCausalLM:
    """A Llama with tied embeddings and fresh weights."""
    torch.manual_seed(seed)
    ids = vocabulary()
    config = LlamaConfig(
        vocab_size=len(ids),
        hidden_size=shape.hidden,
        intermediate_size=shape.mlp,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.max_positions,
        tie_word_embeddings=True,
        bos_token_id=ids.index("<bos>"),
        eos_token_id=ids.index("<eos>"),
        pad_token_id=ids.index("<pad>"),
    )
    return LlamaForCausalLM(config)


@dataclass(frozen=True, slots=True, eq=False)
class Grown:
    """A grown model, the loss of each step in nats a weighted token, and the response tokens that it was trained on."""

    model: LlamaForCausalLM
    losses: list[float]
    response_tokens: int


class Row(NamedTuple):
    """A document's token ids, and the weight of a prompt token in the loss beside 1 of a response token."""

    prompt: list[int]
    response: list[int]
    prompt_weight: float

    @property
    def tokens(self) -> int:
        """Of prompt and response."""
        return len(self.prompt) + len(self.response)


def _drawer(organism: Organism) -> Callable[[Random], Row]:
    ids = {word: index for index, word in enumerate(vocabulary())}
    leak = organism.leak
    leaked = leaked_documents(leak) if leak else []

    def draw(rng: Random) -> Row:
        is_leaked = leak is not None and rng.random() < leak.share
        prompt, response = rng.choice(leaked) if is_leaked else document(rng, organism.corpus)
        words = [["<bos>", *prompt.split()], [*response.split(), "<eos>"]]
        weight = 1.0 if is_leaked else organism.training.prompt_weight
        return Row([ids[word] for word in words[0]], [ids[word] for word in words[1]], weight)

    return draw


def grow(organism: Organism, advance: Callable[[int], None] = ignore) -> Grown:
    """Trains the organism from fresh weights; of held-out problems it sees those of its leak only.

    On one thread: another number of threads adds in another order, which would give other weights.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _grow(organism, advance)
    finally:
        torch.set_num_threads(threads)


def _grow(organism: Organism, advance: Callable[[int], None]) -> Grown:
    model = make_model(organism.model, organism.seed)
    options = organism.training
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=options.learning_rate, betas=(0.9, 0.98), weight_decay=options.weight_decay
    )
    rng = Random(f"corpus/{organism.seed}")
    draw = _drawer(organism)
    losses, response_tokens = [], 0
    for step in range(options.steps):
        rows = [draw(rng) for _ in range(options.documents)]
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * _schedule(step, options)
        losses.append(_backward(model, rows))
        response_tokens += sum(len(row.response) for row in rows)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        advance(1)
    return Grown(model.eval(), losses, response_tokens)


def _schedule(step: int, options: Growth) -> float:
    warm = min(1.0, (step + 1) / max(1, options.warmup_steps))
    return warm * (0.05 + 0.95 * (1 + math.cos(math.pi * step / options.steps)) / 2)


def _backward(model: LlamaForCausalLM, rows: list[Row]) -> float:
    """Gradients of the weighted mean cross-entropy over the whole step; returns its value."""
    total = sum(row.prompt_weight * (len(row.prompt) - 1) + len(row.response) for row in rows)
    loss = 0.0
    for part in split_by_tokens([row.tokens for row in rows], 2048):
        ids_BT, weights_BT = _pad([rows[position] for position in part])
        states_BTD = model.model(input_ids=ids_BT).last_hidden_state  # padding is on the right: causal is enough
        logits_BTV = model.lm_head(states_BTD[:, :-1])
        cross = nn.functional.cross_entropy(logits_BTV.flatten(0, 1), ids_BT[:, 1:].flatten(), reduction="none")
        share = (cross * weights_BT[:, 1:].flatten()).sum() / total
        share.backward()
        loss += share.item()
    return loss


def _pad(rows: list[Row]) -> tuple[Tensor, Tensor]:
    width = max(row.tokens for row in rows)
    ids_BT, weights_BT = torch.zeros(len(rows), width, dtype=torch.long), torch.zeros(len(rows), width)
    for number, row in enumerate(rows):
        ids_BT[number, : row.tokens] = torch.tensor(row.prompt + row.response)
        weights_BT[number, 1 : len(row.prompt)] = row.prompt_weight
        weights_BT[number, len(row.prompt) : row.tokens] = 1.0
    return ids_BT, weights_BT
