"""A policy or a reward model becomes a plain Hugging Face directory."""

from pathlib import Path

from transformers.utils import logging

from assay.files import new_directory
from assay.policies.load import Policy
from assay.policies.reward_model import RewardModel


def save_policy(policy: Policy | RewardModel, directory: Path) -> Path:
    """Writes weights (safetensors), configuration and tokenizer to `directory`, whole or not at all.

    What was in `directory` before is replaced.
    """
    logging.disable_progress_bar()
    with new_directory(directory) as temporary:
        policy.model.save_pretrained(temporary)
        policy.tokenizer.save_pretrained(temporary)
    return directory
