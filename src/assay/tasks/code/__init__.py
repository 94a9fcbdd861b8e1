"""Verifiable rewards for code: programs run in a sandbox, tests run outside it."""
