"""Grading of mathematical answers: tiers, guards and the deep tier's worker."""
