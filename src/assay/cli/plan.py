"""`assay plan`: how small a change a comparison can see, and what it takes to see one, before anything is sampled."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

from assay.audits.plan import make_plan, sentences
from assay.audits.power import MOST, Difficulty, Setting, difficulty_of
from assay.audits.sources import load
from assay.cli.show import print_sentences, print_table
from assay.errors import RecipeError

BASE, ARM = "base", "arm"
HARDEST = 0.5
"""pass@1 at which answers vary most, assumed where nothing is said."""


def command(
    problems: Annotated[int, typer.Option(min=2, help="Problems.")],
    n: Annotated[int, typer.Option("-n", min=1, help="Answers a problem, of each model.")],
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of a recipe.")] = 1,
    base_pass_at_1: Annotated[
        float | None, typer.Option("--base-pass-at-1", help=f"pass@1 of the base; default {HARDEST}, the hardest case.")
    ] = None,
    like: Annotated[
        Path | None, typer.Option(help="A sample file of the base, to take its pass@1 and how problems differ from.")
    ] = None,
    problem_spread: Annotated[
        float | None,
        typer.Option(help="Standard deviation of the base's chances over problems; default half of the variance."),
    ] = None,
    change_spread: Annotated[float, typer.Option(help="Standard deviation of the change over problems.")] = 0.1,
    seed_spread: Annotated[float, typer.Option(help="Standard deviation of a seed's mean pass@1 over seeds.")] = 0.01,
    against: Annotated[str, typer.Option(help="base, or arm: another recipe of as many seeds.")] = BASE,
    tests: Annotated[
        int, typer.Option(min=1, help="Tests that share the 5 %, as all of a study do; the change is the only one.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """How small a change of pass@1 can a comparison see, and how many problems, answers and seeds does it take?

    assay plan --problems 128 -n 64 --seeds 3 --base-pass-at-1 0.4
    """
    if against not in (BASE, ARM):
        raise RecipeError(f"--against {against!r}: a recipe is compared with its {BASE}, or with another {ARM}")
    _check_spread("--change-spread", change_spread)
    _check_spread("--seed-spread", seed_spread)
    difficulty = _difficulty(base_pass_at_1, like, problem_spread)
    arms = 1 if against == BASE else 2
    plan = make_plan(Setting(problems, n, seeds, difficulty, change_spread, seed_spread, arms, tests))
    if as_json:
        print(json.dumps(plan, indent=1, allow_nan=False))
    else:
        _show(plan)


def _difficulty(pass_at_1: float | None, like: Path | None, problem_spread: float | None) -> Difficulty:
    if like is not None:
        for option, value in (("--base-pass-at-1", pass_at_1), ("--problem-spread", problem_spread)):
            if value is not None:
                raise RecipeError(f"{option} and --like: the sample file says what it is; give one of them")
        return difficulty_of(load(like))
    mean = HARDEST if pass_at_1 is None else pass_at_1
    if not 0 < mean < 1:
        raise RecipeError(f"--base-pass-at-1 {mean:g}: expected a share above 0 and below 1")
    if problem_spread is None:
        return Difficulty(mean)
    _check_spread("--problem-spread", problem_spread)
    most = math.sqrt(mean * (1 - mean))
    if problem_spread > most:
        raise RecipeError(
            f"--problem-spread {problem_spread:g}: chances with the mean {mean:g} spread by {most:.3f} at most"
        )
    return Difficulty(mean, (problem_spread / most) ** 2)


def _check_spread(option: str, spread: float) -> None:
    if not 0 <= spread <= 1:
        raise RecipeError(f"{option} {spread:g}: expected a standard deviation of shares, from 0 to 1")


def _show(plan: dict[str, Any]) -> None:
    print_sentences(*sentences(plan), "")
    wanted = f"{plan['power']:g}"
    headings = ["change", "power", *(f"{what} for {wanted}" for what in MOST)]
    rows = []
    for told in plan["changes"]:
        reached = "no room" if told["power"] is None else f"{told['power']:.2f}"
        enough = ["-" if number is None else f"{number:,}" for number in told["needed"].values()]
        rows.append([f"{100 * told['change']:+.0f} points", reached, *enough])
    print_table(headings, rows)
    most = ", ".join(f"{number:,} {what}" for what, number in MOST.items())
    print_sentences("", f"Each number with all else as set; - where not even {most} are enough.")
