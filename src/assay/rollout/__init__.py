"""Prompts and a policy in, samples out: the engine, and the sample files made with it."""
