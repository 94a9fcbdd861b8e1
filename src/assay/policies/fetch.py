"""Files of a model on the Hugging Face hub, fetched without loading the model."""

from pathlib import Path

from transformers.utils.hub import snapshot_download

from assay.errors import ModelError
from assay.policies.load import named_reason, quiet
from assay.policies.references import Reference

WANTED = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]
"""Weights in safetensors, configuration and tokenizer."""


def fetch(found: Reference) -> Path:
    """The folder of the hub's cache that holds the model's files, fetched as far as need be. Raises ModelError."""
    try:
        with quiet():
            return Path(snapshot_download(found.source, allow_patterns=WANTED))
    except Exception as error:  # by the network library of the day
        raise ModelError(
            f"{found.source!r} is neither a local directory nor a model that could be fetched from the Hugging Face "
            f"hub: {named_reason(error)}"
        ) from error
