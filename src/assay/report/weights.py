"""The weights page: weights.json as one HTML page: what it means, where it changed, over which tolerance."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from assay.files import ignore
from assay.report.cards import Tile
from assay.report.figure import Figure, Key, Table
from assay.report.heat import Cell, heat_map
from assay.report.html import write_page
from assay.report.lines import DASHED, SOLID, Axes, Line, Point, line_chart
from assay.report.look import SERIES
from assay.report.words import NOT_KNOWN, compact, percent, share_of

Document = Mapping[str, Any]

ACCENTS = {"rounding": "sharpened", "partly rounding": "sharpened", "not rounding": "extended"}
"""Verdict -> the verdict of an audit whose colour the card bears; others are grey."""
KINDS = ("embedding", "q", "k", "v", "o", "gate", "up", "down", "norm", "head", "other")
OUTSIDE = "–"
"""The row of what is of no layer."""
VIEWS = (("bf16", "bf16", SOLID), ("fp32", "fp32", DASHED))


def write_weights_report(
    document: Document, out: Path, images: bool = True, advance: Callable[[int], None] = ignore
) -> Path:
    """Writes OUT/report.html from the document weights.json (docs/weights.md); returns its path.

    With `images` the charts are also written as OUT/charts/NAME.svg and .png; `advance` counts them. Raises OSError
    where `out` cannot be written.
    """
    colour = dict(zip(document["models"], SERIES[1:], strict=False))
    figures = [_curves(document, colour), *(_heat(document, label, colour[label]) for label in document["models"])]
    facts = {
        "document": document,
        "accent": ACCENTS.get(document["verdict"], "neither"),
        "word": document["verdict"].capitalize(),
        "tiles": _tiles(document),
        "figures": figures,
        "totals": _totals(document),
        "overlap": _overlap(document),
        "tensors": _tensors(document),
    }
    return write_page("weights.html.jinja", figures, facts, out, images, advance)


def _tiles(document: Document) -> list[Tile]:
    told = document["models"][document["tuned"]]
    whole = told["total"]
    fp32 = "its fp32 masters" if told["fp32"] == "masters" else "as stored"
    tiles = [
        Tile("changed in bf16", share_of(whole["changed"] / whole["weights"]), "by more than 1e-5"),
        Tile("changed in fp32", share_of(whole["changed_fp32"] / whole["weights"]), fp32),
        Tile("hidden by rounding", share_of(told["hidden_share"]), "of the weights that are equal in bf16"),
        Tile("update norm", _number(whole["relative_update_norm"]), f"of the base's; {compact(whole['update_norm'])}"),
    ]
    if document["control"] is not None:
        control = document["models"][document["control"]]["total"]
        tiles.append(Tile("control changed", share_of(control["changed"] / control["weights"]), document["control"]))
    return tiles


def _curves(document: Document, colour: Mapping[str, str]) -> Figure:
    labels = [
        "0" if value == 0 else f"{value:.0e}".replace("e-0", "e-") for value in document["settings"]["tolerances"]
    ]
    lines = [
        Line(f"{label}, {view}", colour[label], [Point(at, y) for at, y in enumerate(told["curve"][key])], dash, True)
        for label, told in document["models"].items()
        for key, view, dash in VIEWS
    ]
    axes = Axes("tolerance", "unchanged weights", share_of, y_format="~%", y_domain=(0.0, 1.0), x_labels=labels)
    at = document["settings"]["tolerances"].index(document["settings"]["tolerance"])
    paper = {
        label: [share_of(told["curve"][key][at]) for key, _, _ in VIEWS] for label, told in document["models"].items()
    }
    says = "; ".join(
        f"{label} at 1e-5: {bf16} unchanged in bf16, {fp32} in fp32" for label, (bf16, fp32) in paper.items()
    )
    rows = [[name, *(share_of(line.points[place].y) for line in lines)] for place, name in enumerate(labels)]
    return Figure(
        name="tolerance",
        title="Unchanged weights over the tolerance",
        chart=line_chart(lines, axes),
        says=says + ".",
        method="Unchanged: differs by at most the tolerance; 1e-5 in bf16 is the definition of arXiv 2505.11711.",
        keys=[Key(line.label, line.colour, line.dash != SOLID) for line in lines],
        table=Table(["tolerance", *(line.label for line in lines)], rows),
        wide=True,
    )


def _heat(document: Document, label: str, colour: str) -> Figure:
    groups = [group for group in document["models"][label]["layers"] if group["sparsity"] is not None]
    cells = [
        Cell(_layer(group), group["kind"], group["sparsity"], f"{group['changed']:,} of {group['weights']:,}")
        for group in groups
    ]
    head = ["layer", "kind", "weights", "sparsity", "changed in fp32", "relative update norm"]
    least, most = (pick(groups, key=lambda group: group["sparsity"]) for pick in (min, max))
    return Figure(
        name="sparsity" if label == document["tuned"] else "sparsity_control",
        title=f"Sparsity by layer and kind: {label}",
        chart=heat_map(cells, KINDS, colour, "sparsity"),
        says=f"Sparsest: {_place(most)}; densest: {_place(least)}.",
        method="Figures in percent, in bf16 at tolerance 1e-5, coloured from the least to the most of them; "
        f"row {OUTSIDE} is of no layer; kinds are told by name.",
        table=Table(head, [_group_row(group) for group in groups]),
    )


def _layer(group: Mapping[str, Any]) -> str:
    return OUTSIDE if group["layer"] is None else str(group["layer"])


def _place(group: Mapping[str, Any]) -> str:
    where = "" if group["layer"] is None else f" of layer {group['layer']}"
    return f"{group['kind']}{where}, {share_of(group['sparsity'])} unchanged"


def _group_row(group: Mapping[str, Any]) -> list[str]:
    fp32 = share_of(group["changed_fp32"] / group["weights"])
    cells = [f"{group['weights']:,}", share_of(group["sparsity"]), fp32, _number(group["relative_update_norm"])]
    return [_layer(group), group["kind"], *cells]


def _totals(document: Document) -> Table:
    models = document["models"].values()
    rows = [
        ["weights", *(f"{told['total']['weights']:,}" for told in models)],
        ["stored as", *(", ".join(told["stored"]["tuned"]) for told in models)],
        ["base stored as", *(", ".join(told["stored"]["base"]) for told in models)],
        ["fp32 view", *(told["fp32"] for told in models)],
        ["sparsity, bf16 at 1e-5", *(share_of(told["total"]["sparsity"]) for told in models)],
        ["the same bits in bf16", *(share_of(told["total"]["equal"] / told["total"]["weights"]) for told in models)],
        ["equal in fp32", *(share_of(told["curve"]["fp32"][0]) for told in models)],
        ["moved, hidden by bf16", *(share_of(told["hidden_share"]) for told in models)],
        ["update norm", *(compact(told["total"]["update_norm"]) for told in models)],
        ["relative to the base's", *(_number(told["total"]["relative_update_norm"]) for told in models)],
        ["learning rate", *(_of_recipe(told, "learning_rate") for told in models)],
        ["optimiser steps", *(_of_recipe(told, "updates") for told in models)],
    ]
    return Table(["", *document["models"]], rows)


def _of_recipe(told: Mapping[str, Any], key: str) -> str:
    value = None if told["recipe"] is None else told["recipe"][key]
    return NOT_KNOWN if value is None else f"{value:,g}"


def _overlap(document: Document) -> Table:
    head = ["first", "second", "o1", "by chance", "o2", "by chance", "Jaccard", "both changed"]
    keys = ("o1", "o1_chance", "o2", "o2_chance", "jaccard")
    rows = [
        [row["first"], row["second"], *(share_of(row[key]) for key in keys), f"{row['both']:,}"]
        for row in document["overlap"]
    ]
    return Table(head, rows)


def _tensors(document: Document) -> Table:
    tensors = document["models"][document["tuned"]]["tensors"]
    rows = [
        [
            tensor["name"],
            " x ".join(map(str, tensor["shape"])),
            share_of(tensor["sparsity"]),
            share_of(tensor["changed_fp32"] / tensor["weights"] if tensor["weights"] else None),
            compact(tensor["update_norm"]),
            _number(tensor["relative_update_norm"]),
            *([_rank(tensor["rank"])] if any(each["rank"] for each in tensors) else []),
        ]
        for tensor in tensors
    ]
    head = ["tensor", "shape", "sparsity", "changed in fp32", "update norm", "relative"]
    return Table(head + ["rank"] * any(tensor["rank"] for tensor in tensors), rows)


def _rank(rank: Mapping[str, Any] | None) -> str:
    return OUTSIDE if rank is None else f"{rank['rank']:,} ({percent(rank['share'])})"


def _number(value: float | None) -> str:
    return NOT_KNOWN if value is None else f"{value:.3g}".replace("-", "−")
