"""Checkpoints: everything a run continues from, written whole or not at all.

All randomness of a run is a function of its seed and the step, so a checkpoint holds no generator state: what the
learner changes and the number of finished steps are enough, and a resumed run is bitwise the uninterrupted one on CPU.
"""

import json
import shutil
from pathlib import Path
from typing import Any, Protocol

import torch

from assay.errors import RunError
from assay.files import new_directory
from assay.store import Run


class Stateful(Protocol):
    """What a training loop changes."""

    def state(self) -> dict[str, Any]:
        """All that `load_state` needs to continue bit for bit."""

    def load_state(self, state: dict[str, Any]) -> None:
        """Restores what `state` gave."""


def save_checkpoint(run: Run, learner: Stateful, step: int, keep: int) -> Path:
    """Writes the state after `step` finished steps, then removes all but the newest `keep` checkpoints."""
    path = run.checkpoint(step)
    if path.is_dir():  # the same step of the same run is the same bits
        return path
    with new_directory(path) as temporary:
        _save(learner.state(), temporary / "learner.pt")
        state = {"step": step, "fingerprint": run.manifest["fingerprint"]}
        (temporary / "state.json").write_text(json.dumps(state), encoding="utf-8")
    for old in sorted(run.checkpoints.glob("step-*"))[:-keep]:
        shutil.rmtree(old)
    for torn in run.checkpoints.glob(".step-*.tmp"):
        shutil.rmtree(torn)
    return path


def _save(state: dict[str, object], path: Path) -> None:
    try:
        with path.open("wb") as file:
            torch.save(state, file)
    except RuntimeError as error:
        if isinstance(error.__context__, OSError):  # torch hides why the disk refused
            raise error.__context__ from None
        raise


def load_checkpoint(run: Run, learner: Stateful) -> int:
    """Restores the newest checkpoint and returns the number of finished steps; 0 where there is none yet."""
    path = run.last_checkpoint()
    if path is None:
        return 0
    try:
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        saved = torch.load(path / "learner.pt", weights_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise RunError(f"{path}: cannot be read ({error}); remove this folder to continue from an older one") from None
    if state["fingerprint"] != run.any_recipe.fingerprint:
        raise RunError(f"{path}: belongs to another recipe; recipe.toml was changed after the run began, restore it")
    learner.load_state(saved)
    step = state["step"]
    assert isinstance(step, int)
    return step
