"""The verdict cards: a comparison's verdict in plain words, with the few numbers that it rests on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from assay.report.look import colours
from assay.report.words import NOT_KNOWN, bounds, change, decimal, headline, p_value, plural, with_interval

Findings = Mapping[str, Any]


@dataclass(frozen=True)
class Tile:
    """One number of a card: what it is, its value, and what to know about it."""

    name: str
    value: str
    more: str


@dataclass(frozen=True)
class Card:
    """A verdict card; `comparison` is the record of findings.json."""

    comparison: Mapping[str, Any]
    headline: str
    sure: str
    tiles: list[Tile]
    base_colour: str
    tuned_colour: str


def verdict_cards(findings: Findings) -> list[Card]:
    """One card for every tuned model, in order."""
    by_label = colours(findings["models"])
    return [
        Card(
            comparison=comparison,
            headline=headline(comparison),
            sure=_sure(comparison, findings["settings"]),
            tiles=_tiles(comparison),
            base_colour=by_label[comparison["base"]],
            tuned_colour=by_label[tuned],
        )
        for tuned, comparison in findings["comparisons"].items()
    ]


def _tiles(comparison: Mapping[str, Any]) -> list[Tile]:
    evidence = comparison["evidence"]
    tiles = [_change_tile("pass@1, first try", evidence["pass_at_1"])]
    if evidence["K"] > 1:
        tiles.append(_change_tile(f"pass@{evidence['K']}, {evidence['K']} tries", evidence["pass_at_K"]))
    return [*tiles, _crossover_tile(comparison), _solvable_tile(comparison)]


def _change_tile(name: str, moved: Mapping[str, Any] | None) -> Tile:
    if moved is None or moved["estimate"] is None:
        return Tile(name, NOT_KNOWN, "no problems are left to tell by")
    value = f"{decimal(moved['base'])} → {decimal(moved['tuned'])}"
    return Tile(name, value, f"{change(moved['estimate'])} ({bounds(moved, change)})")


def _crossover_tile(comparison: Mapping[str, Any]) -> Tile:
    crossover = comparison["crossover"]
    if crossover["k"] is None:
        return Tile("crossover", "none", comparison["crossover_reason"])
    between = bounds(crossover, lambda k: f"{k:,.0f}")
    return Tile("crossover", f"k = {crossover['k']:,}", f"here the base is no longer behind ({between})")


def crossover_words(crossover: Mapping[str, Any]) -> str:
    """'k = 36 (27 to 48)', or 'none'."""
    k = crossover["k"]
    return "none" if k is None else "k = " + with_interval({"estimate": k, **crossover}, lambda k: f"{k:,.0f}")


def _solvable_tile(comparison: Mapping[str, Any]) -> Tile:
    sets = comparison["solvable"]
    total = sum(sets.values())
    names = {"both": "both", "base_only": "only base", "tuned_only": "only tuned", "neither": "neither"}
    more = "; ".join(f"{name} {sets[key]:,}" for key, name in names.items())
    solved = total - sets["neither"]
    return Tile("problems solved by either", f"{solved:,} of {total:,}", more)


def _sure(comparison: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """How sure the verdict is, from its evidence."""
    evidence = comparison["evidence"]
    parts = [f"{plural(evidence['problems'], 'problem')}, {plural(evidence['n'], 'answer')} to each by each model"]
    if evidence["pass_at_1"] is not None:
        parts.append(f"pass@1 {p_value(evidence['pass_at_1']['p_value'])}")
    if evidence["pass_at_K"] is not None and evidence["K"] > 1:
        parts.append(f"pass@{evidence['K']} {p_value(evidence['pass_at_K']['p_value'])}")
    sentence = "; ".join(parts) + ". "
    if settings["left_out_guessable"]:
        sentence += f"{plural(settings['left_out_guessable'], 'problem')} that a guesser would solve left out. "
    elif not settings["guess_floor_known"]:
        sentence += "No guess floor is known, so all problems are used. "
    return sentence + f"How: {evidence['method']}."
