"""Run by test_sampling_file.py as `kill_sampling.py FOLDER MODEL UNDER`: one file made to the end, others killed.

Each is killed at one moment (SIGKILL) and made again by the same call. Children are forked after the imports.
"""

import os
import signal
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import polars as pl
import torch

from assay.rollout import parts, sampling, under_file
from assay.rollout.parts import Parts
from assay.types import Sampling
from tiny_task import TinyTask

torch.set_num_threads(1)
under_file.CHUNK_ROWS = 10
sampling.PART_SECONDS = 0.0


def make(folder, model, under):
    """One small file: 6 problems x 5, scored under another model, with few slots."""
    how = Sampling(temperature=0.8, max_new_tokens=12, seed=3)
    return sampling.sample_to_file(model, TinyTask(), folder / "out.parquet", 6, 5, how, under=under, slots=3)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def after_part(number):
    """Once so many parts are stored, of either stage."""
    add, calls = Parts.add, []

    def last(self, index, frame):
        add(self, index, frame)
        calls.append(index)
        if len(calls) == number:
            die()

    Parts.add = last


def in_a_write(number):
    """Half of the so-manieth Parquet file is written, the other half never."""
    write, calls = pl.DataFrame.write_parquet, []

    def torn(self, path, **options):
        write(self, path, **options)
        calls.append(path)
        if len(calls) == number:
            os.truncate(path, path.stat().st_size // 2)
            die()

    pl.DataFrame.write_parquet = torn


def before_cleaning(_):
    """The whole file is there, and its parts too."""
    parts.shutil.rmtree = lambda *arguments, **options: die()


def child(folder, model, under, moment=None, argument=None):
    """Makes the file in a forked child; returns the signal that ended it, 0 for none."""
    pid = os.fork()
    if pid == 0:
        if moment is not None:
            moment(argument)
        make(folder, model, under)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"{folder}: failed by itself"
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main(folder, model, under):
    assert child(folder / "whole", model, under) == 0
    # six parts, the file, three parts of scores, the file with them
    moments = [(after_part, 1), (in_a_write, 3), (in_a_write, 7), (before_cleaning, 0), (after_part, 8)]
    for number, (moment, argument) in enumerate(moments):
        place = folder / f"killed-{number}-{moment.__name__}-{argument}"
        assert child(place, model, under, moment, argument) == signal.SIGKILL, place.name
        assert child(place, model, under) == 0, place.name


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
