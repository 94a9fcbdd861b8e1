"""`assay demo`: train, sample and audit, on a tiny model that ships with the package."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from assay.cli import audit, train
from assay.errors import RunError
from assay.store import Run


def command(
    out: Annotated[Path, typer.Option(help="The run directory.")] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Seed of the training run.")] = 0,
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key of the recipe; repeatable.")] = None,
) -> None:
    """Train a tiny shipped model by GRPO, then find out what that taught it; minutes on two cores.

    assay demo --out demo
    """
    with as_file(files("assay.cli") / "demo.toml") as recipe_file:
        overrides = [f"seed={seed}", *(set_ or [])]
        if Run.is_run(out):
            run = Run.open(out)
            if run.recipe.fingerprint != train.read(recipe_file, overrides).fingerprint:
                raise RunError(f"{out}: holds a run of another recipe or seed; give another --out")
        else:
            run = train.start(recipe_file, out, overrides, None)
    train.run_training(run, None)
    audit.audit_run(run)
