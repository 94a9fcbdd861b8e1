"""A Hugging Face model in, log-probabilities out: load, save, hash, templates."""
