"""The order in which rows of data are trained on: a function of the seed alone."""

from collections.abc import Sized
from random import Random

from assay.recipe import derive_seed


def batches(data: Sized, batch: int, epochs: int, seed: int) -> list[list[int]]:
    """Places of the rows of each update: every epoch in an order of its own, its last batch perhaps smaller."""
    found = []
    for epoch in range(epochs):
        order = list(range(len(data)))
        Random(derive_seed(seed, "epoch", epoch)).shuffle(order)
        found += [order[start : start + batch] for start in range(0, len(order), batch)]
    return found
