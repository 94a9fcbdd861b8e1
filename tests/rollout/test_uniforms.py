import hashlib

import numpy as np

from assay.rollout.uniforms import BLOCK, Uniforms


def philox(counter, key):
    """Philox4x64-10 of Salmon et al. (2011), the four outputs for one counter, by Python's integers."""
    whole = 2**64
    words, (key_0, key_1) = list(counter), key
    for _ in range(10):
        product_0, product_1 = words[0] * 0xD2E7470EE14C6C93, words[2] * 0xCA5A826395121157
        words = [
            product_1 // whole ^ words[1] ^ key_0,
            product_1 % whole,
            product_0 // whole ^ words[3] ^ key_1,
            product_0 % whole,
        ]
        key_0, key_1 = (key_0 + 0x9E3779B97F4A7C15) % whole, (key_1 + 0xBB67AE8584CAA73B) % whole
    return words


def test_numbers_are_those_of_the_paper():
    """Keyed by BLAKE2b of 'seed/occurrence/member/problem', counter from 1, the top 48 bits in the middle of their bin.

    Sample files of different versions must agree, so this is fixed.
    """
    digest = hashlib.blake2b(b"7/0/3/p", digest_size=16).digest()
    key = [int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")]
    raw = [word for counter in (1, 2) for word in philox([counter, 0, 0, 0], key)]
    expected = [((word >> 16) + 0.5) / 2**48 for word in raw]
    assert Uniforms(7, "p", 3).next_block()[:8].tolist() == expected


def test_anything_else_gives_other_numbers():
    names = [(7, "p", 3, 0), (8, "p", 3, 0), (7, "q", 3, 0), (7, "p", 4, 0), (7, "p", 3, 1), (7, "3/p", 0, 0)]
    firsts = {Uniforms(*name).next_block()[0] for name in names}
    assert len(firsts) == len(names)


def test_blocks_follow_each_other():
    uniforms = Uniforms(0, "p", 0)
    numbers = np.concatenate([uniforms.next_block() for _ in range(200)])
    assert len(np.unique(numbers)) == 200 * BLOCK
    assert numbers.min() > 0 and numbers.max() < 1
    # mean .5 and variance 1/12, within four standard errors of 12,800 numbers
    assert abs(numbers.mean() - 0.5) < 4 * (1 / 12 / len(numbers)) ** 0.5
    assert abs(numbers.var() - 1 / 12) < 4 * (1 / 180 / len(numbers)) ** 0.5
