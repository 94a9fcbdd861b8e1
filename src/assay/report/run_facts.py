"""What a run directory says about itself: its recipe as resolved, and the environment it ran in."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assay.errors import AssayError
from assay.report.words import NOT_KNOWN
from assay.store import Run


@dataclass(frozen=True)
class RunFacts:
    """`recipe` as TOML text, or None where it cannot be read; `rows` are (key, value) in words."""

    recipe: str | None
    rows: list[tuple[str, str]]
    manifest: Mapping[str, Any]


def read_run_facts(path: Path) -> RunFacts:
    """Recipe and manifest of the run in `path`. Raises RunError where there is no run."""
    run = Run.open(path)
    try:
        recipe = run.any_recipe.to_toml().strip()
    except AssayError:  # written by another version: the report can do without
        recipe = None
    manifest = run.manifest
    return RunFacts(recipe, list(_flat(manifest, "")), manifest)


def _flat(value: Any, name: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        yield name, ", ".join(map(str, value)) if value else "none"
    else:
        yield name, NOT_KNOWN if value is None else str(value)
