"""`assay prefer`: a simulated annotator's preferences over the responses of a sample file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from assay.annotators import TRAITS, load_annotator
from assay.cli.progress import progress
from assay.errors import DataError, RecipeError
from assay.organisms.preferences import (
    Candidates,
    Ranking,
    pair_row,
    rank_candidates,
    ranking_row,
    read_candidates,
    tally,
)
from assay.samples import write_samples

SIZE = 4
"""Responses of a ranking where --size is not given."""


def command(
    samples: Annotated[Path, typer.Argument(help="A sample file with prompts and responses, graded.")],
    out: Annotated[Path, typer.Option(help="The preference file to write: .jsonl or .parquet.")],
    annotator: Annotated[Path | None, typer.Option(help="A TOML file of dials; default all defaults.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="A dial: --set longer=0.05; repeatable. right, longer, confident, familiar_form, noise, seed.",
        ),
    ] = None,
    kind: Annotated[str, typer.Option(help="pairs or rankings.")] = "pairs",
    per_problem: Annotated[int, typer.Option(min=1, help="Pairs, or rankings, a problem.")] = 1,
    size: Annotated[int | None, typer.Option(min=2, help=f"Responses of a ranking, at most; default {SIZE}.")] = None,
) -> None:
    """Let a simulated annotator, of known noise and biases, say which responses of a sample file it prefers.

    assay prefer base.parquet --set right=2 --set longer=0.05 --per-problem 4 --out preferences.jsonl
    """
    if kind not in ("pairs", "rankings"):
        raise RecipeError(f"--kind {kind!r}: there are pairs and rankings")
    if kind == "pairs" and size is not None:
        raise RecipeError("--size is for --kind rankings; a pair has two responses")
    if out.suffix not in (".jsonl", ".parquet"):
        raise DataError(f"{out}: cannot tell how to write it; give a name that ends in .jsonl or .parquet")
    if out.exists():
        raise DataError(f"{out}: is there already; give another --out or remove it")
    chosen = load_annotator(annotator, set_ or ())
    problems, left_out = read_candidates(samples, chosen)
    with progress("annotating", len(problems), "problems") as advance:
        rankings = rank_candidates(problems, chosen, 2 if kind == "pairs" else size or SIZE, per_problem, advance)
    if not rankings:
        why = f" ({left_out:,} of unknown grade or length, or cut off are left out)" if left_out else ""
        raise DataError(
            f"{samples}: no problem has two different responses to compare{why}; sample more responses a problem, -n"
        )
    row = pair_row if kind == "pairs" else ranking_row
    write_samples(out, [row(each, chosen.describe()) for each in rankings])
    print(f"annotator  {chosen.describe()}")
    print("\n".join(summary(kind, problems, rankings, per_problem, left_out)))
    print(f"written    {out}")


def summary(
    kind: str, problems: Sequence[Candidates], rankings: Sequence[Ranking], per_problem: int, left_out: int
) -> list[str]:
    """What to tell of the rows: how many there are, how often the annotator agrees with the truth, what it favours."""
    used = len({ranking.of.problem for ranking in rankings})
    lines = [f"rows       {len(rankings):,} {kind} of {used:,} of {len(problems):,} problems"]
    missing = len(problems) * per_problem - len(rankings)
    if missing:
        lines.append(f"           {missing:,} fewer than asked: not enough different responses")
    if left_out:
        lines.append(f"left out   {left_out:,} of unknown grade or length, or cut off")
    lines.append("preferred, in pairs that differ in it:")
    for name, (won, pairs) in tally(rankings).items():
        trait = TRAITS[name]
        share = f"{won / pairs:.3f} of {pairs:,} pairs {trait.pairs}" if pairs else f"there are no pairs {trait.pairs}"
        lines.append(f"  {trait.more:<8} {share}")
    lines.append("This annotator is simulated: its preferences are drawn by a formula and are nobody's.")
    return lines
