"""What every test stands on: one thread, no network, the same global seeds, and the real data where there are some."""

import os

# Before anything imports torch, and for the processes that tests start. Tiny models are fastest on one thread, and one
# thread sums in one order.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import random
import sys
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _same_global_seeds() -> None:
    """Our code is handed its seeds; this holds still what a library or a test draws from the global generators."""
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def _needs_cuda(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("gpu"):
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device; there is none")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data sets that ASSAY_DATA names (CONTRIBUTING.md says what it holds)."""
    folder = os.environ.get("ASSAY_DATA")
    if not folder:
        pytest.skip("needs real data: set ASSAY_DATA to the folder that holds gsm8k/")
    path = Path(folder).resolve()
    assert path.is_dir(), f"ASSAY_DATA names {folder}, which is no folder"
    return path
