"""`assay grow`: a tiny base model from a known corpus."""

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.progress import progress, say
from assay.errors import RunError
from assay.registry import resolve


def command(
    file: Annotated[Path, typer.Argument(help="An organism's TOML file, for example of src/assay/organisms.")],
    out: Annotated[Path, typer.Option(help="The Hugging Face directory to write.")],
) -> None:
    """Grow a tiny base model from a known corpus, and measure it for its card.

    assay grow src/assay/organisms/code-base.toml --out grown/code-base
    """
    if out.exists():
        raise RunError(f"{out}: already exists; give another --out or remove it")
    organism = resolve("assay.organisms.grow:load_organism")(file)
    with progress(f"growing {organism.name}", organism.training.steps, "steps") as advance:
        resolve("assay.organisms.card:grow_to")(file, out, advance)
    say("the card holds what was measured")
    print(out / "README.md")
