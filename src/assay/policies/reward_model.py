"""A reward model: a Hugging Face sequence classifier with one label, read at the last token of a response.

Legend: B rows, T tokens, D width of a state.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase

from assay.errors import ModelError
from assay.policies.hash import weights_hash
from assay.policies.load import (
    UNREADABLE,
    Policy,
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
    """A reward model that begins as the language model `reference`, with a head drawn from N(0, 1 / (D + 1)).

    Stiennon et al. 2020, arXiv 2009.01325. Raises ModelError.
    """
    found = _load(reference, device, dtype, needs_head=False)
    head: Any = found.model.get_submodule("score")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        drawn = torch.randn(head.weight.shape, generator=generator) / (head.weight.shape[1] + 1) ** 0.5
        head.weight.copy_(drawn)
    return found


def load_reward_model(reference: str, device: str = "auto", dtype: str = "auto") -> RewardModel:
    """The reward model that a directory, a run or a hub id names. Raises ModelError where it is none."""
    return _load(reference, device, dtype, needs_head=True)


def check_tokenizer(reward_model: RewardModel, policy: Policy) -> None:
    """Raises ModelError where a reward model cuts text in other tokens than the policy that it is to judge."""
    if not share_tokens(reward_model.tokenizer, policy.tokenizer):
        raise ModelError(
            f"{reward_model.name}: its tokenizer is not that of {policy.name}, so it would judge other tokens than "
            "were sampled; train a reward model from the same base (kind = 'reward-model')"
        )


def _load(reference: str, device: str, dtype: str, needs_head: bool) -> RewardModel:
    found = find_model(reference)
    if found.is_adapter:
        raise ModelError(
            f"{found.source}: is an adapter, and a reward model is read from plain weights; merge it first"
        )
    try:
        with quiet():
            loaded: Any = AutoModelForSequenceClassification.from_pretrained(
                found.source, num_labels=1, dtype="auto", output_loading_info=True, local_files_only=found.is_local
            )
    except UNREADABLE as error:
        raise ModelError(f"{found.source}: cannot be loaded as a reward model: {named_reason(error)}") from error
    model, missing = loaded[0], set(loaded[1]["missing_keys"])
    if missing - {HEAD} or not isinstance(getattr(model, "score", None), nn.Linear):
        raise ModelError(f"{found.source}: lacks {min(missing - {HEAD}, default=HEAD)}; the files are incomplete")
    if needs_head and missing:
        raise ModelError(
            f"{found.source}: is no reward model, it has no {HEAD}; train one with a recipe of kind 'reward-model'"
        )
    place = choose_device(device)
    nn.Module.to(model, device=place, dtype=choose_dtype(dtype, place, model.dtype))
    version = weights_hash(model.state_dict())
    return RewardModel(model.eval(), load_tokenizer(found), found.name, version)
