"""Time and memory of `assay diff` on two random bf16 checkpoints, in a process of its own.

    python benchmarks/weights_diff.py --gigabytes 1

The checkpoints are independent random numbers, so that nearly every weight differs; they are written to a temporary
folder and, being new, are in the page cache. Memory is the highest resident memory of the process above what it has
after its imports. Beside it, with --naive, what loading both files with torch takes.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

MATRIX = (4096, 4096)
TENSORS = ("self_attn.q_proj", "self_attn.o_proj", "mlp.up_proj", "mlp.down_proj")
RESIDENT = """
import sys, time
def peak_megabytes():
    return int(next(row for row in open("/proc/self/status") if row.startswith("VmHWM")).split()[1]) / 1024
"""
DIFF = """
from assay.cli.main import run
import assay.cli.diff
before, start = peak_megabytes(), time.perf_counter()
assert run(["diff", *sys.argv[1:]]) == 0
print("measured", time.perf_counter() - start, peak_megabytes() - before)
"""
NAIVE = """
import torch
from safetensors.torch import load_file
before, start = peak_megabytes(), time.perf_counter()
base, tuned = (load_file(f"{folder}/model.safetensors") for folder in sys.argv[1:])
unchanged = sum(int(torch.isclose(base[k] - tuned[k], torch.zeros(()).bfloat16(), atol=1e-5).sum()) for k in base)
print("measured", time.perf_counter() - start, peak_megabytes() - before)
"""


def write_random(folder: Path, gigabytes: float, seed: int) -> None:
    """A checkpoint of random finite bf16 numbers, of equal matrices, written piece by piece."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    rng = np.random.default_rng(seed)
    size = int(np.prod(MATRIX)) * 2
    names = [
        f"model.layers.{at // len(TENSORS)}.{TENSORS[at % len(TENSORS)]}.weight"
        for at in range(max(1, round(gigabytes * 1e9 / size)))
    ]
    header = json.dumps(
        {
            name: {"dtype": "BF16", "shape": MATRIX, "data_offsets": [at * size, (at + 1) * size]}
            for at, name in enumerate(names)
        }
    ).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for _ in names:
            bits = np.frombuffer(rng.bytes(size), np.uint16)
            file.write(((bits & 0x83FF) | 0x3800).tobytes())


def measured(code: str, arguments: Sequence[str]) -> tuple[float, float]:
    """Seconds and megabytes above the imports, of a new process."""
    done = subprocess.run(
        [sys.executable, "-c", RESIDENT + code, *arguments], capture_output=True, text=True, check=True
    )
    seconds, megabytes = done.stdout.splitlines()[-1].split()[1:]
    return float(seconds), float(megabytes)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line a way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of each checkpoint")
    parser.add_argument("--naive", action="store_true", help="also load both with torch")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folders = [Path(temporary) / name for name in ("base", "tuned")]
        for seed, folder in enumerate(folders):
            write_random(folder, options.gigabytes, seed)
        ways = {"assay diff": DIFF} | ({"torch, both loaded": NAIVE} if options.naive else {})
        for name, code in ways.items():
            seconds, megabytes = measured(code, [str(folder) for folder in folders])
            print(f"{name}: {seconds:.1f} s, {megabytes:.0f} MB above the imports")
    return 0


if __name__ == "__main__":
    sys.exit(main())
