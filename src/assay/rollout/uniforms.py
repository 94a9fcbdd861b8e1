"""Random numbers that belong to the sample: number t of a sample depends on its seed, problem, member and t alone.

They come from Philox (Salmon et al. 2011), a counter-based generator whose key is a hash of seed, problem and member.
So a sample is the same in any batch, in any slot, and in a run that was stopped and continued.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

BLOCK = 64
"""Numbers drawn at once."""
BITS = 48
"""Few enough that u x total < total in float64 for every u, so that no token of probability 0 is ever drawn."""


class Uniforms:
    """The numbers of one sample, in order. `occurrence` counts earlier copies of the same problem in one request."""

    __slots__ = ("_generator",)

    def __init__(self, seed: int, problem: str, member: int, occurrence: int = 0) -> None:
        name = f"{seed}/{occurrence}/{member}/{problem}".encode()
        key = np.frombuffer(hashlib.blake2b(name, digest_size=16).digest(), dtype="<u8").astype(np.uint64)
        self._generator = np.random.Philox(key=key)

    def next_block(self) -> NDArray[np.float64]:
        """The next `BLOCK` numbers, each strictly between 0 and 1."""
        raw = self._generator.random_raw(BLOCK)
        return ((raw >> np.uint64(64 - BITS)).astype(np.float64) + 0.5) / 2.0**BITS
