"""Which compressor of a patch's blocks: size and time, by the share of weights that changed.

    python benchmarks/patch_codecs.py

Blocks are made as `assay patch make` makes them, of random bf16 weights to which the smallest steps were added; one
thread. zstd is the program, its start included; rows of it are left out where it is not installed.
"""

import lzma
import shutil
import subprocess
import time
import zlib
from collections.abc import Callable

import numpy as np

from assay.weights.patchfile import BLOCK_BYTES, LEVEL, planes

WEIGHTS = 1 << 23
SHARES = (0.01, 0.10, 0.35)
Codec = Callable[[bytes], bytes]


def runs_only(raw: bytes) -> bytes:
    """What patches use."""
    deflater = zlib.compressobj(LEVEL, strategy=zlib.Z_RLE)
    return deflater.compress(raw) + deflater.flush()


def zstd(level: int) -> Codec:
    """The program zstd at a level."""
    return lambda raw: subprocess.run(["zstd", f"-{level}", "-c"], input=raw, capture_output=True, check=True).stdout


CODECS: dict[str, Codec] = {
    f"zlib, level {LEVEL}": lambda raw: zlib.compress(raw, LEVEL),
    "zlib, runs only": runs_only,
    "lzma, level 6": lambda raw: lzma.compress(raw, preset=6),
}
if shutil.which("zstd"):
    CODECS |= {f"zstd, level {level}": zstd(level) for level in (3, 19)}


def blocks(share: float) -> list[bytes]:
    """Gaps and XORed values of a tensor, block by block, before they are compressed."""
    rng = np.random.default_rng(0)
    base = (rng.normal(0, 0.02, WEIGHTS).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    step = np.where(rng.random(WEIGHTS) < share, rng.choice([-1, 1], WEIGHTS), 0)
    xored = base ^ (base.astype(np.int32) + step).astype(np.uint16)
    raw = []
    for piece in np.split(xored, WEIGHTS * 2 // BLOCK_BYTES):
        at = np.flatnonzero(piece)
        gaps = (np.diff(at, prepend=-1) - 1).astype(np.uint32)
        raw.append(planes(gaps) + planes(piece[at]))
    return raw


def main() -> None:
    """Prints the table: size of full, and MB of weights a second."""
    print(f"| | {' | '.join(f'{share:.0%}' for share in SHARES)} |\n|---|{'---|' * len(SHARES)}")
    made = [blocks(share) for share in SHARES]
    full = WEIGHTS * 2
    for name, codec in CODECS.items():
        cells = []
        for raw in made:
            start = time.perf_counter()
            size = sum(len(codec(each)) for each in raw)
            cells.append(f"{size / full:.2%} of full, {full / 1e6 / (time.perf_counter() - start):,.0f} MB/s")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
