"""Do the intervals cover, do the verdicts keep their error, and does the power that is told hold? By simulation.

    python benchmarks/interval_coverage.py --page docs/coverage_measured.md

Problems are Beta, even or skewed; training moves each problem's chance; each seed moves all problems by some and every
problem by some more of its own; answers are drawn n a problem and seed. What an interval should cover is the mean over
the population of problems and of seeds, which 400,000 draws tell.
"""

import argparse
import math
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
from scipy.special import stdtr, stdtrit
from scipy.stats import false_discovery_control

from assay import __version__
from assay.audits.power import Difficulty, Setting, draw_chances, needed, power
from assay.audits.verdict import EXTENDED, NARROWED, SHARPENED, boundary_verdict
from assay.files import write_text
from assay.seeds import contrast_interval, crossed_interval, crossed_p_value
from assay.stats import Answers, Floats, mean_interval
from assay.types import Interval

KINDS = {
    "even": Difficulty(0.5, 0.05),
    "half alike": Difficulty(0.4, 0.5),
    "skewed": Difficulty(0.25, 0.4),
    "very skewed": Difficulty(0.05, 0.4),
    "hardly solved": Difficulty(0.02, 0.6),
}
"""Beta(9.5, 9.5), Beta(.4, .6), Beta(.375, 1.125), Beta(.075, 1.425) and Beta(.013, .653)."""
SEED_SPREAD, OWN_SPREAD, CHANGE_SPREAD = 0.01, 0.04, 0.1
"""Standard deviations: of a seed's mean, of what a seed does to one problem, of what the arm does to one problem."""
POPULATION = 400_000
TESTS = 22
"""About as many as a verdict of the shipped studies rests on."""
Rng = np.random.Generator


def moved(chances_M: Floats, shift: float, change: float, rng: Rng) -> Floats:
    """The chances after training moved each by `shift` and by some of its own, as chances can be."""
    return np.clip(chances_M + shift + change * rng.standard_normal(len(chances_M)), 0, 1)


def seeded(chances_M: Floats, seeds: int, spread: float, own: float, rng: Rng) -> Floats:
    """Chances of an arm's seeds, float64 [S, M]."""
    all_SM = chances_M + spread * rng.standard_normal((seeds, 1)) + own * rng.standard_normal((seeds, len(chances_M)))
    return np.clip(all_SM, 0, 1)


def rates(chances: Floats, n: int, rng: Rng) -> Floats:
    """Shares of n answers that are right."""
    return rng.binomial(n, chances) / n


def terms(values_SM: Floats) -> tuple[float, float]:
    """Variance of the grand mean by seeds and by problems, as `assay.seeds` has them."""
    S, M = values_SM.shape
    residual_SM = values_SM - values_SM.mean(axis=1, keepdims=True) - values_SM.mean(axis=0) + values_SM.mean()
    residual = float((residual_SM**2).sum()) / ((S - 1) * (M - 1) * S * M)
    seed = float(values_SM.mean(axis=1).var(ddof=1)) / S
    return seed, max(0.0, float(values_SM.mean(axis=0).var(ddof=1)) / M - residual)


def satterthwaite(values_SM: Floats) -> Interval:
    """The interval that `crossed_interval` is not: the same variance with Satterthwaite's degrees of freedom."""
    S, M = values_SM.shape
    mean, (seed, problem) = float(values_SM.mean()), terms(values_SM)
    df = (seed + problem) ** 2 / (seed**2 / (S - 1) + problem**2 / (M - 1))
    half = float(stdtrit(df, 0.975)) * math.sqrt(seed + problem)
    return Interval(mean, mean - half, mean + half)


def pooled_p_value(values_SM: Floats) -> float:
    """The p-value that `crossed_p_value` is not: that of `crossed_interval`, by its pooled degrees of freedom."""
    S, M = values_SM.shape
    seed, problem = terms(values_SM)
    df = (seed + problem) / (seed / (S - 1) + problem / (M - 1))
    return 2 * float(stdtr(df, -abs(float(values_SM.mean())) / math.sqrt(seed + problem)))


def covers(interval: Interval | None, truth: float) -> bool:
    """Whether the truth is inside."""
    assert interval is not None and interval.low is not None and interval.high is not None
    return interval.low <= truth <= interval.high


def share(times: int, event: Callable[[], bool]) -> float:
    """How often it happens."""
    return sum(event() for _ in range(times)) / times


def table(headings: list[str], rows: Iterator[list[str]] | list[list[str]]) -> list[str]:
    """A table in Markdown."""
    return [f"| {' | '.join(row)} |" for row in (headings, ["---"] * len(headings), *rows)]


def one_model(times: int) -> Iterator[list[str]]:
    """Coverage of `mean_interval`: pass@1 of one model."""
    for kind, difficulty in KINDS.items():
        for problems in (32, 128):
            cells = []
            for n in (16, 64):
                rng = np.random.default_rng([problems, n])

                def covered(difficulty=difficulty, problems=problems, n=n, rng=rng) -> bool:
                    values_M = rates(draw_chances(difficulty, problems, rng), n, rng)
                    return covers(mean_interval(values_M, n * problems), difficulty.pass_at_1)

                cells.append(f"{share(times, covered):.1%}")
            yield [kind, str(problems), *cells]


def truths(difficulty: Difficulty, seed: float) -> tuple[float, float]:
    """Mean gain over the base of an arm that gains 5 points before what chances cannot do, and the arm's mean."""
    rng = np.random.default_rng(7)
    base_M = draw_chances(difficulty, POPULATION, rng)
    arm_M = moved(base_M, 0.05, CHANGE_SPREAD, rng)
    own_M = math.hypot(seed, OWN_SPREAD) * rng.standard_normal(POPULATION)  # any seed, any problem
    arm_M = np.clip(arm_M + own_M, 0, 1)
    return float((arm_M - base_M).mean()), float(arm_M.mean())


def several_seeds(times: int) -> Iterator[list[str]]:
    """Coverage of the gain over the base and of the contrast of two arms, and the null of the contrast."""
    for kind in ("even", "half alike", "very skewed"):
        for problems in (32, 128):
            for seeds in (1, 2, 3, 5):
                for spread in (SEED_SPREAD, 3 * SEED_SPREAD):
                    yield [
                        kind,
                        str(problems),
                        str(seeds),
                        f"{spread:.2f}",
                        *_seeds(kind, problems, seeds, spread, times),
                    ]


def _seeds(kind: str, problems: int, seeds: int, spread: float, times: int) -> list[str]:
    difficulty, n = KINDS[kind], 16 if problems == 32 else 64
    rng = np.random.default_rng([problems, seeds, int(1000 * spread), len(kind)])
    gain, _ = truths(difficulty, spread)
    inside = np.zeros(4)
    for _ in range(times):
        chances_M = draw_chances(difficulty, problems, rng)
        arm_M = moved(chances_M, 0.05, CHANGE_SPREAD, rng)
        first_SM, second_SM = (rates(seeded(arm_M, seeds, spread, OWN_SPREAD, rng), n, rng) for _ in range(2))
        gains_SM = first_SM - rates(chances_M, n, rng)
        other_SM = rates(seeded(chances_M, seeds, spread, OWN_SPREAD, rng), n, rng)
        base = other_mean(difficulty, spread)
        inside += (
            covers(crossed_interval(gains_SM), gain),
            seeds > 1 and covers(satterthwaite(gains_SM), gain),
            covers(contrast_interval(first_SM, other_SM), gain + difficulty.pass_at_1 - base),
            not covers(contrast_interval(first_SM, second_SM), 0),
        )
    cells = [f"{each:.1%}" for each in inside / times]
    return cells if seeds > 1 else [cells[0], "-", *cells[2:]]


MEANS: dict[tuple[float, float, float], float] = {}


def other_mean(difficulty: Difficulty, spread: float) -> float:
    """Mean of an arm that only its seeds move: chances stop at 0 and 1, so it is not the base's."""
    key = (difficulty.pass_at_1, difficulty.alike, spread)
    if key not in MEANS:
        rng = np.random.default_rng(8)
        own_M = math.hypot(spread, OWN_SPREAD) * rng.standard_normal(POPULATION)
        MEANS[key] = float(np.clip(draw_chances(difficulty, POPULATION, rng) + own_M, 0, 1).mean())
    return MEANS[key]


def verdicts(times: int) -> Iterator[list[str]]:
    """Boundary verdicts of change where there is nothing to see: two samplings, and two seeds of one control."""
    for kind in ("half alike", "very skewed"):
        for problems, n in ((32, 16), (128, 64)):
            cells = []
            for spread, own in ((0.0, 0.0), (SEED_SPREAD, OWN_SPREAD), (3 * SEED_SPREAD, OWN_SPREAD)):
                rng = np.random.default_rng([problems, n, int(1000 * spread)])

                def called(kind=kind, problems=problems, n=n, spread=spread, own=own, rng=rng) -> bool:
                    two_SM = seeded(draw_chances(KINDS[kind], problems, rng), 2, spread, own, rng)
                    n_M = np.full(problems, n)
                    base, tuned = (Answers(n_M, rng.binomial(n, each_M)) for each_M in two_SM)
                    return boundary_verdict(base, tuned, n, flips=499).verdict in (EXTENDED, NARROWED, SHARPENED)

                cells.append(f"{share(times, called):.1%}")
            yield [kind, str(problems), str(n), *cells]


def powers(times: int) -> Iterator[list[str]]:
    """Power as `assay plan` tells it, beside how often the tests of simulated runs saw the change."""
    for problems, n, seeds, arms in (
        (32, 16, 1, 1),
        (128, 64, 1, 1),
        (128, 64, 3, 1),
        (128, 64, 3, 2),
        (256, 16, 5, 2),
    ):
        for change in (0.01, 0.03, 0.1):
            setting, shift, spread = fitted(problems, n, seeds, arms, change)
            seen = share(times, simulated(setting, shift, spread, np.random.default_rng([problems, seeds, arms])))
            told = power(setting, change)
            assert told is not None
            yield [str(problems), str(n), str(seeds), "its base" if arms == 1 else "another arm", f"{change:.0%}",
                   f"{told:.2f}", f"{seen:.2f}"]  # fmt: skip


def fitted(problems: int, n: int, seeds: int, arms: int, change: float) -> tuple[Setting, float, float]:
    """A setting with the spreads that are left once chances stop at 0 and 1, the shift, and the spread of seeds."""
    difficulty, rng = KINDS["half alike"], np.random.default_rng(9)
    base_M = draw_chances(difficulty, POPULATION, rng)
    noise_M = CHANGE_SPREAD * rng.standard_normal(POPULATION)
    low, high = -0.2, 0.5
    for _ in range(30):
        middle = (low + high) / 2
        enough = np.clip(base_M + middle + noise_M, 0, 1).mean() - base_M.mean() >= change
        low, high = (low, middle) if enough else (middle, high)
    change_M = np.clip(base_M + high + noise_M, 0, 1) - base_M
    spread = 0.0 if seeds == 1 else SEED_SPREAD
    arm_M = base_M + high + noise_M
    spreads = [np.ptp([np.clip(each_M + s, 0, 1).mean() for s in (-spread, spread)]) / 2 for each_M in (arm_M, base_M)]
    told = float(np.sqrt(np.mean(np.square(spreads[:arms]))))
    setting = Setting(problems, n, seeds, difficulty, float(change_M.std()), told, arms)
    return setting, high, spread


def simulated(setting: Setting, shift: float, spread: float, rng: Rng) -> Callable[[], bool]:
    """Whether one simulated experiment sees the change."""
    S, n = setting.seeds, setting.answers

    def seen() -> bool:
        base_M = draw_chances(setting.difficulty, setting.problems, rng)
        noise_M = CHANGE_SPREAD * rng.standard_normal(setting.problems)
        seed_AS = spread * rng.standard_normal((2, S, 1))
        arm_SM = rates(np.clip(base_M + shift + noise_M + seed_AS[0], 0, 1), n, rng)
        if setting.arms == 1:
            return not covers(crossed_interval(arm_SM - rates(base_M, n, rng)), 0)
        return not covers(contrast_interval(arm_SM, rates(np.clip(base_M + seed_AS[1], 0, 1), n, rng)), 0)

    return seen


def studies(times: int) -> Iterator[list[str]]:
    """How often a study of nothing shows anything: `TESTS` arms that differ from their base by their seeds alone."""
    for seeds in (3, 5):
        for spread in (0.01, 0.03, 0.1):
            rng = np.random.default_rng([seeds, int(1000 * spread)])
            told = np.zeros(2)
            for _ in range(times):
                problem_TM = CHANGE_SPREAD * rng.standard_normal((TESTS, 1, 128))
                seed_TS = spread * rng.standard_normal((TESTS, seeds, 1))
                gains = problem_TM + seed_TS + OWN_SPREAD * rng.standard_normal((TESTS, seeds, 128))
                for at, p_value in enumerate((crossed_p_value, pooled_p_value)):
                    told[at] += false_discovery_control([p_value(each) for each in gains]).min() < 0.05
            yield [str(seeds), f"{spread:.2f}", *(f"{each:.1%}" for each in told / times)]


def takes(what: str) -> Iterator[list[str]]:
    """How many problems, answers or seeds show 1, 3 and 10 points with power .8, by `assay plan`'s model."""
    numbers = {"problems": (128, 512), "answers": (8, 64), "seeds": (1, 3, 5, 10)}
    numbers[what] = numbers[what][:1]
    for problems, n, seeds, arms in product(numbers["problems"], numbers["answers"], numbers["seeds"], (1, 2)):
        setting = Setting(problems, n, seeds, KINDS["half alike"], CHANGE_SPREAD, SEED_SPREAD, arms)
        found = [needed(setting, change, what) for change in (0.01, 0.03, 0.1)]
        enough = ["-" if number is None else f"{number:,}" for number in found]
        given = {"problems": str(problems), "answers": str(n), "seeds": str(seeds)}
        given.pop(what)
        yield [*given.values(), "its base" if arms == 1 else "another arm", *enough]


def page(times: int) -> Iterator[str]:
    """The lines of the page."""
    yield "# Intervals, verdicts and power, measured"
    yield ""
    yield f"Written by `python benchmarks/interval_coverage.py --page docs/coverage_measured.md`; Assay {__version__}."
    yield ""
    yield (
        f"Simulated, {times:,} times a row, so a share near 95 % is told to within "
        f"{196 * math.sqrt(0.05 * 0.95 / times):.1f} points. Problems: "
        + "; ".join(
            f"{kind}: pass@1 {each.pass_at_1:g}, {each.alike:.0%} of the variance between"
            for kind, each in KINDS.items()
        )
        + ". Intervals are 95 % ones."
    )
    for part in (page_of_one_model, page_of_seeds, page_of_studies, page_of_verdicts):
        yield from part(times)
    yield from ("", "## Power: told and simulated", "")
    headings = ["problems", "n", "seeds", "against", "change", "told", "simulated"]
    yield from table(headings, powers(times))
    yield from ("", "## What it takes for power .8", "")
    yield (
        f"For a base with pass@1 .4, changes that spread by {CHANGE_SPREAD} over problems and seeds that spread by "
        f"{SEED_SPREAD}; - where no number is enough. `assay plan` prints this for any setting. One seed "
        "speaks of one model only."
    )
    for what in ("problems", "answers", "seeds"):
        yield from ("", f"### {what.capitalize()}", "")
        given = [each for each in ("problems", "answers", "seeds") if each != what]
        yield from table([*given, "against", "1 point", "3 points", "10 points"], takes(what))


def page_of_one_model(times: int) -> Iterator[str]:
    """The interval of one model's pass@1."""
    yield from ("", "## One model: pass@1 (`mean_interval`)", "")
    yield (
        "Where few problems are ever solved, the ones that are say little of the others; there the interval is "
        "cautious and covers more than it has to."
    )
    yield ""
    yield from table(["problems are", "problems", "n = 16", "n = 64"], one_model(times))


def page_of_seeds(times: int) -> Iterator[str]:
    """Intervals over seeds and problems."""
    yield from ("", "## Several seeds", "")
    yield (
        f"An arm gains about 5 points over its base; changes spread by {CHANGE_SPREAD} over problems, seeds by "
        f"{SEED_SPREAD} or {3 * SEED_SPREAD} in the mean and by {OWN_SPREAD} more on each problem; n = 16 on 32 "
        "problems, 64 on 128. The mean gain over seeds and problems (`crossed_interval`) and the contrast with an arm "
        "that gains nothing (`contrast_interval`) should be covered in 95 %; false contrasts, of two arms of one "
        "recipe, be 5 % at most. One seed cannot do that, whatever the interval, and two not always: a study gives "
        "verdicts from three."
    )
    yield ""
    headings = ["problems are", "problems", "seeds", "spread"]
    headings += ["gain", "gain, Satterthwaite", "contrast", "false contrasts"]
    yield from table(headings, several_seeds(times))


def page_of_studies(times: int) -> Iterator[str]:
    """False verdicts of a whole study."""
    yield from ("", "## A study of nothing", "")
    yield (
        f"{TESTS} tests, each of an arm whose seeds spread by so much about no gain at all, on 128 problems: how often "
        "any p-value is below .05 after the correction of a study (Benjamini and Hochberg), "
        f"{times // 4:,} times a row. It should be 5 % at most, by `crossed_p_value`; beside it the p-value that goes "
        "with the interval, whose degrees of freedom are pooled."
    )
    yield ""
    headings = ["seeds", "spread", "by crossed_p_value", "by pooled degrees of freedom"]
    yield from table(headings, studies(times // 4))


def page_of_verdicts(times: int) -> Iterator[str]:
    """False verdicts of change."""
    yield from ("", "## Boundary verdicts of change where there is nothing to see", "")
    yield (
        "Two samplings of one model; and one seed against another of the same recipe, whose seeds spread by as much. "
        "The first should be 5 % at most. The others are no error of the verdict, which is about two models, and these "
        "two do differ: they say that one pair of runs is no evidence about a recipe. "
        f"{times // 2:,} times a row, with 499 sign flips."
    )
    yield ""
    headings = ["problems are", "problems", "n", "two samplings"]
    headings += [f"two seeds, spread {each}" for each in (0.01, 0.03)]
    yield from table(headings, verdicts(times // 2))


def main() -> None:
    """Prints the page; with --page also writes it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=4000)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    lines = []
    for line in page(options.times):
        print(line, flush=True)
        lines.append(line)
    if options.page:
        write_text(options.page, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
