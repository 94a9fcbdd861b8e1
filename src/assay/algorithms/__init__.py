"""Algorithms: advantage x surrogate x aggregation, each in a file of its own and tested alone."""

ALGORITHMS = {"grpo": "assay.algorithms.grpo:Grpo"}
