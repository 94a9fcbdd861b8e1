"""Run by the tests of resuming as `kill_and_resume.py FOLDER KILLS`: one run to the end, others killed and continued.

Children are forked after the imports, one thread each, so that many runs cost one start.
"""

import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import torch

from assay import files
from assay.registry import resolve
from assay.store import Run
from assay.training import checkpoint
from assay.training.optimizer import MasterOptimizer
from assay.training.start import LOOPS, start


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def in_checkpoint_write(at):
    """Half of the optimiser's file is written, the other half never."""
    whole, calls = torch.save, []

    def torn(state, file):
        calls.append(file)
        whole(state, file)
        if len(calls) == at:
            file.truncate(file.tell() // 2)
            file.flush()
            die()

    checkpoint.torch.save = torn


def between_updates(at):
    """After so many updates; two make a step, so an odd number is in the middle of a batch."""
    update = MasterOptimizer.update

    def last(self):
        norm = update(self)
        if self.updates == at:
            die()
        return norm

    MasterOptimizer.update = last


def in_place_of(name):
    """Between taking the old directory `name` away and putting the new one there."""
    replace = files.os.replace

    def torn(source, target):
        if Path(target).name == name and Path(source).suffix == ".tmp":
            die()
        replace(source, target)

    files.os.replace = torn


def after_seconds(seconds):
    threading.Timer(seconds, die).start()


def child(path, moment=None, argument=None):
    """Trains `path` in a forked child; returns the signal that ended it, 0 for none."""
    run = Run.open(path)
    loop = resolve(LOOPS[run.any_recipe.kind])
    pid = os.fork()
    if pid == 0:
        if moment is not None:
            moment(argument)
        loop(run)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"{path}: the run failed by itself"
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main(folder, kills):
    torch.set_num_threads(1)

    def new(name):
        return start(folder / "recipe.toml", folder / name, [], None).path

    began = time.monotonic()
    assert child(new("whole")) == 0
    seconds = time.monotonic() - began
    moments = [(in_checkpoint_write, 2), (between_updates, 5), (in_place_of, "model")]
    moments += [(in_checkpoint_write, 1), (between_updates, 1), (in_place_of, "step-000002")]
    moments += [(after_seconds, seconds * random.uniform(0.2, 0.8)) for _ in range(2)]
    for number, (moment, argument) in enumerate(moments[:kills]):
        path = new(f"killed-{number}")
        ended = child(path, moment, argument)
        assert ended == signal.SIGKILL or moment is after_seconds, f"{moment.__name__} {argument}: was not killed"
        assert child(path) == 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
