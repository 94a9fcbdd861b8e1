"""Jobs that go wrong, for the tests of processes. Each takes the study's matrix, here a folder, and `note`."""

import os
import signal
import time

import torch

from assay.errors import RunError


def fine(folder, note):
    note(f"with {torch.get_num_threads()} thread")


def refused(folder, note):
    raise RunError("no such thing; do another")


def eats(folder, note):
    """Twelve pieces of 256 MiB, 3 GiB in all."""
    pieces = [torch.zeros(2**26) for _ in range(12)]
    note(f"ate {len(pieces)}")


def killed(folder, note):
    os.kill(os.getpid(), signal.SIGKILL)


def faulty(folder, note):
    return {}["missing"]


def lasts(folder, note):
    """Says that it is there, and stays."""
    note(f"{os.getpid()}")
    time.sleep(60)
