"""Assay trains language models by reinforcement learning and finds out what the training really taught."""

__version__ = "0.1.0"
