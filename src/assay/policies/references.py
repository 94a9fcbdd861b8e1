"""What the words that name a model mean: a directory, a run, a shipped organism, or an id of the Hugging Face hub."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from assay.errors import ModelError
from assay.registry import nearest

ORGANISM = "organism:"
SHIPPED = Path(__file__).parents[1] / "organisms" / "shipped"
CONFIG, MANIFEST, ADAPTER_CONFIG = "config.json", "run.json", "adapter_config.json"
HUB_ID = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a model's files are (`source`, for `from_pretrained`), what to call it, whether it is only an adapter."""

    source: str
    name: str
    is_local: bool
    is_adapter: bool = False


def find_model(reference: str) -> Reference:
    """The model that a reference names. Raises ModelError where a local one is not there.

    A directory with config.json is a model, one with adapter_config.json an adapter of peft; one with run.json
    is a run, whose model is in `model/`; `organism:NAME` is shipped with the package; anything that is no directory and
    does not look like a path is taken as a hub id.
    """
    if reference.startswith(ORGANISM):
        return _organism(reference.removeprefix(ORGANISM))
    path = Path(reference).expanduser()
    if path.is_dir() and reference.strip():
        return _directory(path)
    if path.is_file():
        raise ModelError(f"{reference}: is a file; give the directory of the model")
    if not HUB_ID.fullmatch(reference):
        raise ModelError(
            f"{reference!r}: there is no such directory; give a model directory, a run, a hub id or organism:NAME"
        )
    return Reference(reference, reference, is_local=False)


def shipped_organisms() -> list[str]:
    """Names of the tiny models in the package."""
    return sorted(path.parent.name for path in SHIPPED.glob(f"*/{CONFIG}"))


def _organism(name: str) -> Reference:
    known = shipped_organisms()
    if name not in known:
        there_are = f"there are {', '.join(known)}" if known else "none is shipped with this version"
        raise ModelError(f"there is no organism {name!r}{nearest(name, known)}; {there_are}")
    return Reference(str(SHIPPED / name), f"{ORGANISM}{name}", is_local=True)


def _directory(path: Path) -> Reference:
    is_adapter = (path / ADAPTER_CONFIG).is_file()
    if is_adapter or (path / CONFIG).is_file():
        run = path.resolve().parent
        is_runs_model = path.resolve().name in ("model", "adapter") and (run / MANIFEST).is_file()
        name = _run_name(run) if is_runs_model else path.resolve().name
        return Reference(str(path), name, True, is_adapter)
    if not (path / MANIFEST).is_file():
        raise ModelError(
            f"{path}: has neither {CONFIG} (a model) nor {MANIFEST} (a run); give the directory of a model or a run"
        )
    if not (path / "model" / CONFIG).is_file():
        raise ModelError(f"{path}: this run has no model yet; finish it with: assay train --resume {path}")
    return Reference(str(path / "model"), _run_name(path.resolve()), is_local=True)


def _run_name(run: Path) -> str:
    """The recipe's name, which stays when the folder is moved or copied."""
    try:
        return str(json.loads((run / MANIFEST).read_text(encoding="utf-8"))["name"])
    except (ValueError, KeyError, TypeError):
        return run.name
