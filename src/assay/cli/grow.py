"""`assay grow`: a tiny base model from a known corpus; its card measured again; a table of all that are shipped."""

from pathlib import Path
from typing import Annotated

import typer

from assay.cli.progress import progress, say
from assay.errors import RunError
from assay.policies.references import ORGANISM, find_model, shipped_organisms
from assay.registry import resolve


def command(
    file: Annotated[
        Path | None, typer.Argument(help="An organism's TOML file, for example of src/assay/organisms.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The Hugging Face directory to write.")] = None,
    check: Annotated[
        str | None, typer.Option(help="Measure the card of this organism again: a shipped one's name, or a directory.")
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="Print what the cards of all shipped organisms say.")] = False,
) -> None:
    """Grow a tiny base model from a known corpus and measure it for its card, or check a card.

    assay grow src/assay/organisms/code-base.toml --out grown/code-base
    assay grow --check code-base
    """
    if sum([file is not None, check is not None, table]) != 1 or (file is None) != (out is None):
        raise typer.BadParameter("give a TOML file and --out, or --check NAME, or --table")
    if file is not None and out is not None:
        _grow(file, out)
    elif check is not None:
        _check(check)
    else:
        read_card, rung_table = resolve("assay.organisms.card:read_card"), resolve("assay.organisms.card:rung_table")
        print(rung_table([read_card(Path(find_model(ORGANISM + name).source)) for name in shipped_organisms()]))


def _grow(file: Path, out: Path) -> None:
    if out.exists():
        raise RunError(f"{out}: already exists; give another --out or remove it")
    organism = resolve("assay.organisms.grow:load_organism")(file)
    with progress(f"growing {organism.name}", organism.training.steps, "steps") as advance:
        resolve("assay.organisms.card:grow_to")(file, out, advance)
    say("the card holds what was measured")
    print(out / "README.md")


def _check(name: str) -> None:
    model = Path(find_model(name if Path(name).is_dir() else ORGANISM + name).source)
    card = resolve("assay.organisms.card:read_card")(model)
    with progress(f"measuring {card.name}", len(card.rungs), "rungs") as advance:
        rows, outside = resolve("assay.organisms.card:check")(model, advance)
    width = max(len(row[0]) for row in rows)
    for claim, stated, found in rows:
        print(f"{claim:<{width}}  {stated!s:<24}  {found:.3f}")
    if outside:
        raise RunError(
            f"{model}: not within the interval of the card: {', '.join(outside)}; this model or its tasks changed"
        )
    print("every estimate measured again is within the card's interval")
