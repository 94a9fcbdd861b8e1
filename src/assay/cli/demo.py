"""`assay demo`: train, sample and audit, on a tiny model that ships with the package."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from assay.cli import audit
from assay.cli.progress import say
from assay.cli.train import run_training
from assay.errors import RunError
from assay.recipe import load_recipe
from assay.store import Run
from assay.training.start import prepared, start


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
            if run.recipe.fingerprint != prepared(load_recipe(recipe_file, overrides), None).fingerprint:
                raise RunError(f"{out}: holds a run of another recipe or seed; give another --out")
        else:
            run = start(recipe_file, out, overrides, None, say)
    run_training(run, None)
    audit.audit_run(run)
