"""`assay diff`: what did training change in the weights?"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from assay.cli.progress import progress
from assay.cli.show import draw, print_notes, print_sentences, print_table, print_written
from assay.errors import RecipeError
from assay.files import write_json
from assay.report.words import NOT_KNOWN, share_of
from assay.weights.checkpoint import check_output, open_checkpoint
from assay.weights.document import Asked, measure
from assay.weights.masks import count_changed, write_mask, write_random_mask
from assay.weights.pairs import PAPER_TOLERANCE, View, open_pair


def command(
    base: Annotated[str, typer.Argument(help="The model before: a directory, a run, a hub id or organism:NAME.")],
    tuned: Annotated[str, typer.Argument(help="The model after, of the same architecture.")],
    control: Annotated[
        str | None,
        typer.Option(help="A model to set beside it: SFT of the base at the same learning rate and number of steps."),
    ] = None,
    overlap: Annotated[
        list[str] | None, typer.Option(help="Another model tuned from the base: do both change the same? Repeatable.")
    ] = None,
    rank: Annotated[bool, typer.Option("--rank", help="Also the numerical rank of every matrix's update.")] = False,
    mask: Annotated[
        Path | None, typer.Option(help="Write which weights changed, as safetensors of bool by parameter name.")
    ] = None,
    random_mask: Annotated[Path | None, typer.Option(help="Write a random mask of as many weights as changed.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the random mask.")] = 0,
    view: Annotated[
        Literal["bf16", "fp32"], typer.Option(help="What masks compare: values rounded to bf16, or in float32.")
    ] = "bf16",
    tolerance: Annotated[
        float, typer.Option(help="Up to so much a weight counts as unchanged in masks.")
    ] = PAPER_TOLERANCE,
    out: Annotated[Path | None, typer.Option(help="A folder for weights.json, report.html and charts/.")] = None,
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write report.html beside weights.json.")] = True,
) -> None:
    """Say what training changed in the weights: how many, by how much, and how much of it rounding hides.

    assay diff organism:code-base runs/compose-grpo-0 --out diff
    """
    if not math.isfinite(tolerance) or tolerance < 0:
        raise RecipeError(f"--tolerance {tolerance:g}: expected a number from 0 on, such as 1e-5")
    if out is not None and out.exists() and not out.is_dir():
        raise RecipeError(f"--out {out}: is a file; give a folder")
    for path in filter(None, (mask, random_mask)):
        for model in (base, tuned):
            check_output(path, open_checkpoint(model))
    if mask is not None and random_mask is not None and mask.resolve() == random_mask.resolve():
        raise RecipeError(f"--mask and --random-mask are both {mask}; give each a file of its own")
    with progress("comparing", None, "weights") as advance:
        document = measure(Asked(base, tuned, control, overlap or [], rank), advance)
    written: dict[str, Path] = {}
    if out is not None:
        written["document"] = write_json(out / "weights.json", document)
        if report:
            written["report"] = draw("assay.report.weights:write_weights_report", document, out)
    _show(document, rank)
    _masks(base, tuned, mask, random_mask, seed, view, tolerance)
    print_written(written)


def _masks(
    base: str, tuned: str, mask: Path | None, random_mask: Path | None, seed: int, view: View, tolerance: float
) -> None:
    """Writes the masks that are asked for, and says of how many weights they are."""
    if mask is None and random_mask is None:
        return
    pair = open_pair(base, tuned)
    with progress("mask", pair.weights * ((mask is not None) + (random_mask is not None)), "weights") as advance:
        if mask is not None:
            changed = int(write_mask(pair, mask, view, tolerance, advance)["changed"])
        else:
            changed = count_changed(pair, view, tolerance)
        if random_mask is not None:
            write_random_mask(pair, random_mask, changed, view, tolerance, seed, advance)
    share = f"{changed:,} of {pair.weights:,} weights ({share_of(changed / pair.weights)})"
    for path, what in ((mask, "mask"), (random_mask, "random")):
        if path is not None:
            print(f"{what:<9} {path}: {share}")


def _show(document: Mapping[str, Any], rank: bool) -> None:
    """A column a model, what runs share, what it means, and what to know."""
    models = document["models"]
    rows = {**ROWS, "rank of updates": _rank} if rank else ROWS
    print_table(["", *models], ([name, *(cell(told) for told in models.values())] for name, cell in rows.items()))
    for row in document["overlap"]:
        line = f"overlap of {row['first']} and {row['second']}: o1 {share_of(row['o1'])} (chance "
        line += f"{share_of(row['o1_chance'])}), o2 {share_of(row['o2'])} (chance {share_of(row['o2_chance'])}), "
        print_sentences(line + f"Jaccard {share_of(row['jaccard'])}")
    print_sentences("", document["words"])
    print_notes(document["notes"])


def _rank(told: Mapping[str, Any]) -> str:
    shares = [tensor["rank"]["share"] for tensor in told["tensors"] if tensor["rank"] is not None]
    return f"{100 * sum(shares) / len(shares):.1f} % of full, mean of {len(shares)} matrices" if shares else NOT_KNOWN


def _relative(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.3g}"


ROWS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "weights": lambda told: f"{told['total']['weights']:,}",
    "stored as": lambda told: ", ".join(told["stored"]["tuned"]) + (", fp32 masters" * (told["fp32"] == "masters")),
    "sparsity (bf16, 1e-5)": lambda told: share_of(told["total"]["sparsity"]),
    "the same bits in bf16": lambda told: share_of(told["total"]["equal"] / told["total"]["weights"]),
    "equal in fp32": lambda told: share_of(told["curve"]["fp32"][0]),
    "moved, hidden by bf16": lambda told: share_of(told["hidden_share"]),
    "update norm": lambda told: f"{told['total']['update_norm']:.4g}",
    "relative to the base": lambda told: _relative(told["total"]["relative_update_norm"]),
}
"""What is printed of a model -> its cell."""
