import numpy as np
import torch

from assay.rollout.blocks import SCRATCH, BlockPool, LayerShape


def make_pool(blocks=8):
    pool = BlockPool([LayerShape(2, 3, 5)], blocks, torch.float32, torch.device("cpu"))
    for memory in (*pool.keys, *pool.values):
        memory += torch.arange(blocks)[:, None, None, None]  # each block holds its number
    return pool


def test_the_lowest_free_blocks_go_first_and_scratch_never():
    pool = make_pool()
    assert pool.take(3).tolist() == [1, 2, 3]
    pool.give(np.array([2]))
    assert pool.take(2).tolist() == [2, 4]
    assert (pool.high, pool.taken) == (5, 5)
    pool.give_all()
    assert (pool.high, pool.taken, pool.free_N[SCRATCH]) == (1, 1, False)


def test_packing_moves_the_highest_into_the_lowest_holes():
    """Taken 0, 3, 4, 6: blocks 4 and 6 go to holes 1 and 2, and 3 stays."""
    pool = make_pool()
    pool.take(6)
    pool.give(np.array([1, 2, 5]))
    renumbered = pool.pack()
    assert renumbered[[0, 3, 4, 6]].tolist() == [0, 3, 1, 2]
    assert (pool.high, pool.taken) == (4, 4)
    for memory in (*pool.keys, *pool.values):
        assert memory[:4, 0, 0, 0].tolist() == [0, 4, 6, 3]
    assert pool.take(1).tolist() == [4]


def test_clearing_leaves_zeros():
    pool = make_pool()
    pool.values[0][3] = torch.nan
    pool.clear()
    assert not pool.values[0].any()
    assert pool.taken == 1
