"""Run by test_bench_verb.py as `kill_bench.py FOLDER`: one bench made to the end, one killed and continued.

It is killed (SIGKILL) once so many parts of sample files are stored, and made again by the same command. Children are
forked after the imports. Every problem that is sampled and judged is written down in FOLDER/NAME/sampled.txt.
"""

import os
import signal
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import torch

from assay.cli.main import run
from assay.rollout import sampling
from assay.rollout.parts import Parts

torch.set_num_threads(1)
sampling.PART_SECONDS = 0.0
COMMAND = (
    "bench organism:code-base organism:prose-base --tasks compose:depth=2,compose:depth=3,countdown "
    "--problems 4 -n 2 --max-new-tokens 24 --seed 3 --no-report --trained-on compose:depth=2"
)


def write_down(folder):
    """Adds a line for every problem of which samples were drawn and judged."""
    judged_rows = sampling.judged_rows

    def judged(task, prompt, samples, policy, template):
        with (folder / "sampled.txt").open("a") as file:
            file.write(f"{policy.name} {task.spec} {prompt.problem}: {len(samples)}\n")
        return judged_rows(task, prompt, samples, policy, template)

    sampling.judged_rows = judged


def die_after(number):
    """Kills this process once so many parts are stored."""
    add, calls = Parts.add, []

    def last(self, index, frame):
        add(self, index, frame)
        calls.append(index)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    Parts.add = last


def child(folder, parts=None, more=""):
    """Runs the command in a forked child; returns its exit code, or minus the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        write_down(folder)
        if parts is not None:
            die_after(parts)
        os._exit(run([*COMMAND.split(), *more.split(), "--out", str(folder / "bench")]))
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def states(folder):
    """Path -> (inode, time of the last change) of every finished sample file."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("samples/*.parquet")}


def main(folder):
    for name in ("whole", "killed"):
        (folder / name).mkdir()
    assert child(folder / "whole") == 0
    # 4 parts of each of the base's three files, 4 and one of scores of the tuned model's first, then 2 of its second.
    killed = folder / "killed"
    assert child(killed, parts=3 * 4 + 4 + 1 + 2) == -signal.SIGKILL
    finished = states(killed)
    assert len(finished) == 4 and len(list(killed.rglob("*.parts"))) == 1
    assert child(killed) == 0
    assert finished.items() <= states(killed).items(), "a finished file was written again"
    assert child(killed, more="--seed 4") == 2


if __name__ == "__main__":
    main(Path(sys.argv[1]))
