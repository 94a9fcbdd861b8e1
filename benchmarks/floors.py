"""The least seconds that work can take on this machine: operations over its matrix rate, bytes over its bandwidth.

    python benchmarks/floors.py --threads 2

Both rates are the best of several tries, so a floor is what the machine has shown that it can do.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from measured import machine, parser

SIDE = 2048
"""Rows and columns of the matrices; four times that on a GPU."""
MIB = 256
"""Of a copy in float32: far more than a cache holds; eight times that on a GPU."""
TRIES = 7


@dataclass(frozen=True, slots=True)
class Rates:
    """Multiplications and additions a second, and bytes read or written a second, each times 1e9."""

    gflops: float
    gigabytes: float

    def seconds(self, operations: float = 0.0, moved_bytes: float = 0.0) -> float:
        """The larger of both floors: work that is done while memory moves costs nothing more."""
        return max(operations / self.gflops, moved_bytes / self.gigabytes) / 1e9

    def text(self, operations: float = 0.0, moved_bytes: float = 0.0) -> str:
        """What decides, and at which rate."""
        if operations / self.gflops >= moved_bytes / self.gigabytes:
            return f"{operations / 1e12:.3g} TFLOP at {self.gflops:,.0f} GFLOP/s"
        return f"{moved_bytes / 1e9:.3g} GB at {self.gigabytes:.1f} GB/s"


def best_seconds(work: Callable[[], object], tries: int = TRIES) -> float:
    """Of the fastest try, after one that does not count."""
    work()
    found = []
    for _ in range(tries):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def measure_rates(threads: int, device: str = "cpu", dtype: str = "float32") -> Rates:
    """Of square matrix products, and of a copy, whose bytes are read and written."""
    place: dict[str, Any] = {"device": device, "dtype": getattr(torch, dtype)}
    side, elements = (SIDE, MIB * 2**18) if device == "cpu" else (4 * SIDE, 8 * MIB * 2**18)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    try:
        left, right, out = (torch.ones(side, side, **place) for _ in range(3))
        product = best_seconds(lambda: (torch.mm(left, right, out=out), wait()))
        source, target = (torch.ones(elements, **place) for _ in range(2))
        copy = best_seconds(lambda: (target.copy_(source), wait()))
    finally:
        torch.set_num_threads(before)
    return Rates(2 * side**3 / product / 1e9, 2 * source.nbytes / copy / 1e9)


def main() -> int:
    """Prints both rates."""
    options = parser(__doc__).parse_args()
    rates = measure_rates(options.threads)
    print(machine(options.threads))
    print(f"{rates.gflops:,.0f} GFLOP/s of a {SIDE} x {SIDE} product, {rates.gigabytes:.1f} GB/s of a copy, float32")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
