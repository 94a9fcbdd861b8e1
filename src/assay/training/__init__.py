"""Training loops, the update, checkpoints and resume."""
