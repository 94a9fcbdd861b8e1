"""Majority vote of n answers drawn without replacement: its expected correctness, exact or by seeded draws.

A response without an answer abstains, a tie is broken evenly, and the answer that wins is handed in by one of the
responses drawn that gave it. Where all abstain, one of them is handed in, so that n = 1 is one draw.

Shape legend: A different answers, N responses, K values of n, T ties, D draws.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from assay.recipe import derive_seed
from assay.stats import SEED, Counts, Floats

EXACT_UP_TO = 512
"""Responses to a problem up to which the vote is computed exactly; beyond it is drawn."""
DRAWS = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """The answers to one problem: how many responses gave each (votes_A) and how many of those are right (right_A).

    `silent` responses gave none, of which `silent_right` are right all the same.
    """

    votes_A: Counts
    right_A: Counts
    silent: int
    silent_right: int

    @property
    def responses(self) -> int:
        """All responses, those without an answer too."""
        return int(self.votes_A.sum()) + self.silent


def count_votes(answers: Sequence[str | None], right: Sequence[bool]) -> Votes:
    """The votes of these responses, in the order of the answers' text, so that the order of rows does not matter."""
    found: dict[str | None, list[int]] = {}
    for answer, is_right in zip(answers, right, strict=True):
        seen = found.setdefault(answer, [0, 0])
        seen[0] += 1
        seen[1] += is_right
    silent, silent_right = found.pop(None, [0, 0])
    table_A2 = np.array([found[answer] for answer in sorted(found, key=str)], dtype=np.int64).reshape(-1, 2)
    return Votes(table_A2[:, 0], table_A2[:, 1], silent, silent_right)


def majority_exact(votes: Votes) -> Floats:
    """Expected correctness of the majority of n = 1 .. N responses, float64 [N].

    Of all C(N, n) draws, those are counted in which the most votes of any answer are m, for every m: an answer given
    N_a times has C(N_a, i) ways to get i of them, and the answers that cannot reach m vote as one heap (Vandermonde).
    """
    total = votes.responses
    assert 1 <= total <= EXACT_UP_TO
    won_n = np.zeros(total + 1)  # draws of n, each weighed by how often what it hands in is right
    for most in range(1, int(votes.votes_A.max(initial=0)) + 1):
        able = votes.votes_A >= most
        sizes = votes.votes_A[able]
        won_n += _won_with(most, sizes, votes.right_A[able] / sizes, total)
    if votes.silent:
        won_n += _ways(votes.silent, total) * votes.silent_right / votes.silent
    shares: Floats = (won_n / _ways(total, total))[1:]
    return np.clip(shares, 0.0, 1.0)


def _won_with(most: int, sizes: Counts, shares: Floats, total: int) -> Floats:
    """Sum over the draws of n = 0 .. N whose leaders have `most` votes of the mean share right of the leaders, [N + 1].

    `sizes` and `shares` are of the answers that can reach `most`; the sum over ways is kept by how many have.
    """
    ways_TN = _ways(total - int(sizes.sum()), total)[None]
    right_TN = np.zeros_like(ways_TN)  # the same, weighed by the sum of the leaders' shares
    for size, share in zip(sizes.tolist(), shares.tolist(), strict=True):
        ways = _ways(size, most)
        fewer_TN, fewer_right_TN = _times(ways_TN, ways[:-1]), _times(right_TN, ways[:-1])
        leads_TN = np.zeros_like(ways_TN)
        leads_right_TN = np.zeros_like(ways_TN)
        leads_TN[:, most:] = ways[-1] * ways_TN[:, :-most]
        leads_right_TN[:, most:] = ways[-1] * (right_TN + share * ways_TN)[:, :-most]
        none_N = np.zeros((1, total + 1))
        ways_TN = np.concatenate([fewer_TN, none_N]) + np.concatenate([none_N, leads_TN])
        right_TN = np.concatenate([fewer_right_TN, none_N]) + np.concatenate([none_N, leads_right_TN])
    ties = np.arange(1, len(sizes) + 1)[:, None]
    return np.asarray((right_TN[1:] / ties).sum(axis=0))


def _times(ways_TN: Floats, ways: Floats) -> Floats:
    """Ways to get n votes in all, of which `ways` has those of one answer: every row convolved, cut at N."""
    rows, width = ways_TN.shape
    if len(ways) > rows:
        return np.stack([np.convolve(row, ways)[:width] for row in ways_TN])
    product = np.zeros_like(ways_TN)
    for votes, count in enumerate(ways.tolist()):
        product[:, votes:] += count * ways_TN[:, : width - votes]
    return product


def _ways(size: int, most: int) -> Floats:
    """C(size, i) for i = 0 .. most."""
    return np.array([float(math.comb(size, i)) for i in range(most + 1)])


def majority_drawn(votes: Votes, ns: Sequence[int], seed: str, draws: int = DRAWS) -> tuple[Floats, Floats]:
    """The same from `draws` seeded draws for every n of `ns`: estimates and their standard errors, float64 [K] each.

    `seed` tells the problems apart. n = 1 needs no draws: it is the share of right responses.
    """
    heaps = np.append(votes.votes_A, votes.silent)
    shares_A = votes.right_A / votes.votes_A
    silent_share = votes.silent_right / max(votes.silent, 1)
    estimates, errors = np.zeros(len(ns)), np.zeros(len(ns))
    for at, n in enumerate(ns):
        if n == 1:
            estimates[at] = (votes.right_A.sum() + votes.silent_right) / votes.responses
            continue
        generator = np.random.default_rng(derive_seed(SEED, "majority", seed, n))
        drawn_DA = generator.multivariate_hypergeometric(heaps, n, size=draws, method="marginals")[:, :-1]
        leads_DA = (drawn_DA == drawn_DA.max(axis=1, keepdims=True, initial=0)) & (drawn_DA > 0)
        leaders_D = leads_DA.sum(axis=1)
        value_D = np.where(leaders_D > 0, (leads_DA @ shares_A) / np.maximum(leaders_D, 1), silent_share)
        estimates[at], errors[at] = value_D.mean(), value_D.std(ddof=1) / math.sqrt(draws)
    return estimates, errors
