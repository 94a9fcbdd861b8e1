"""A reward model: a Hugging Face sequence classifier with one label, read at the last token of a response.

Legend: B rows, T tokens, D width of a state.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from assay.errors import ModelError
from assay.policies.hash import weights_hash
from assay.policies.load import (
    UNREADABLE,
    Policy,
    check_reads,
    choose_device,
    choose_dtype,
    load_tokenizer,
    named_reason,
    quiet,
    share_tokens,
)
from assay.policies.references import find_model
from assay.policies.templates import render
from assay.types import Prompt

HEAD = "score.weight"
_NO_HEAD = f"{{}}: is no reward model, it has no {HEAD}; train one with a recipe of kind 'reward-model'"
_LABELS = f"{{}}: its {HEAD} has {{}} labels, expected 1"


@dataclass(slots=True, eq=False)
class RewardModel:
    """The model with its tokenizer; `version` is the hash of its weights when it was loaded."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    version: str

    @property
    def label(self) -> str:
        """Name and version, as written in sample files."""
        return f"{self.name}@{self.version}"

    @property
    def vocabulary_size(self) -> int:
        """Token ids that it has an embedding for."""
        embeddings: Any = self.model.get_input_embeddings()
        return int(embeddings.weight.shape[0])

    @property
    def max_positions(self) -> int | None:
        """Tokens of prompt and response together that the model was made for; None where it sets no limit."""
        return getattr(self.model.config.get_text_config(decoder=True), "max_position_embeddings", None)

    def centre(self, rows: list[list[int]]) -> None:
        """Moves all rewards by as much as makes their mean over these rows 0; kept in the model's configuration.

        Preferences leave the level open, and a critic begins at 0 (Ouyang et al. 2022, arXiv 2203.02155, section 3.5).
        """
        with torch.no_grad():
            self.model.config.reward_mean = self._mean + float(self.scores(rows).double().mean())

    @property
    def _mean(self) -> float:
        return float(getattr(self.model.config, "reward_mean", 0.0))

    def scores(self, rows: list[list[int]]) -> Tensor:
        """The reward [B] of each row of token ids, that of its last token, in float32; padded on the right."""
        lengths_B = torch.tensor([len(row) for row in rows])
        ids_BT = torch.zeros(len(rows), int(lengths_B.max()), dtype=torch.long)
        for place, row in enumerate(rows):
            ids_BT[place, : len(row)] = torch.tensor(row)
        model: Any = self.model
        device = model.device
        states_BTD = model.base_model(input_ids=ids_BT.to(device), use_cache=False).last_hidden_state
        last_BD = states_BTD[torch.arange(len(rows), device=device), (lengths_B - 1).to(device)]
        scores_B: Tensor = model.score(last_BD).squeeze(-1).float()
        return scores_B - self._mean

    def token_ids(self, prompt: Prompt, response: str, template: str) -> list[int]:
        """Prompt, response and one end of sequence, as the policy that answers would have them."""
        ids = render(prompt, self.tokenizer, template)[1]
        ids += list(self.tokenizer(response, add_special_tokens=False)["input_ids"])
        end = self.tokenizer.eos_token_id
        return ids if end is None else [*ids, int(end)]


def new_reward_model(reference: str, device: str, dtype: str, seed: int) -> RewardModel:
    """A reward model that begins as the model `reference`.

    A language model gets a head drawn from N(0, 1 / (D + 1)) (Stiennon et al. 2020, arXiv 2009.01325); a reward model
    keeps its own. Raises ModelError.
    """
    return _load(reference, device, dtype, torch.Generator().manual_seed(seed))


def load_reward_model(reference: str, device: str = "auto", dtype: str = "auto") -> RewardModel:
    """The reward model that a directory, a run or a hub id names. Raises ModelError where it is none."""
    return _load(reference, device, dtype, None)


def check_files(reference: str) -> None:
    """Raises ModelError for what a look at the files says: that a reference names no reward model. Loads none."""
    if not Path(reference).expanduser().exists() and _is_path(reference):
        raise ModelError(
            f"there is no reward model at {reference}; train it first: assay train recipes/compose-reward-model.toml"
        )
    found = find_model(reference)
    files = sorted(Path(found.source).glob("*.safetensors")) if found.is_local and not found.is_adapter else []
    shapes = [file.get_slice(HEAD).get_shape() for file in map(_opened, files) if HEAD in file.keys()]  # noqa: SIM118
    if files and not shapes:
        raise ModelError(_NO_HEAD.format(found.source))
    for labels, *_ in shapes:
        if labels != 1:
            raise ModelError(_LABELS.format(found.source, labels))


def _is_path(reference: str) -> bool:
    """Whether a reference is not the hub's OWNER/NAME: it has more parts, or begins like a path or with a folder."""
    first, *others = reference.split("/")
    likely = first in ("", ".", "..", "~", "runs") or Path(first).is_dir()
    return len(others) > 1 or (len(others) == 1 and likely)


def _opened(file: Path) -> Any:
    try:
        return safe_open(file, "pt")
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{file}: cannot be read: {named_reason(error)}") from None


def check_tokenizer(reward_model: RewardModel, policy: Policy) -> None:
    """Raises ModelError where a reward model knows other tokens, or fewer, than the policy that it is to judge."""
    if not share_tokens(reward_model.tokenizer, policy.tokenizer):
        raise ModelError(
            f"{reward_model.name}: its tokenizer is not that of {policy.name}, so it would judge other tokens than "
            "were sampled; train a reward model from the same base (kind = 'reward-model')"
        )
    check_reads(reward_model.name, reader=reward_model, sampler=policy)


def _load(reference: str, device: str, dtype: str, draw: torch.Generator | None) -> RewardModel:
    """The reward model; where it has no head, one drawn by `draw`. Raises ModelError."""
    found = find_model(reference)
    if found.is_adapter:
        raise ModelError(
            f"{found.source}: is an adapter, and a reward model is read from plain weights; merge it first"
        )
    try:
        with quiet():
            loaded: Any = AutoModelForSequenceClassification.from_pretrained(
                found.source,
                num_labels=1,
                dtype="auto",
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                local_files_only=found.is_local,
            )
    except UNREADABLE as error:
        raise ModelError(f"{found.source}: cannot be loaded as a reward model: {named_reason(error)}") from error
    model, missing = loaded[0], set(loaded[1]["missing_keys"])
    head: Any = getattr(model, "score", None)
    if not isinstance(head, nn.Linear) or head.bias is not None:
        raise ModelError(
            f"{found.source}: {type(model).__name__} is not supported; a reward model is a decoder with a linear layer "
            "'score' on the last token's state; give one of Llama, Mistral, Qwen, Gemma, GPT-2, GPT-NeoX or the like"
        )
    for name, stored, expected in loaded[1]["mismatched_keys"]:
        if name == HEAD:
            raise ModelError(_LABELS.format(found.source, stored[0]))
        raise ModelError(f"{found.source}: its {name} has the shape {list(stored)}, expected {list(expected)}")
    if missing - {HEAD}:
        raise ModelError(f"{found.source}: lacks {min(missing - {HEAD})}; the files are incomplete")
    if missing and draw is None:
        raise ModelError(_NO_HEAD.format(found.source))
    if missing:
        assert draw is not None
        with torch.no_grad():
            head.weight.copy_(torch.randn(head.weight.shape, generator=draw) / (head.weight.shape[1] + 1) ** 0.5)
    place = choose_device(device)
    nn.Module.to(model, device=place, dtype=choose_dtype(dtype, place, model.dtype))
    version = weights_hash(model.state_dict())
    return RewardModel(model.eval(), load_tokenizer(found), found.name, version)
