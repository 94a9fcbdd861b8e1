"""How often an arm whose gold was not lost is called over-optimised by `assay overopt`. It should be 5 % at most.

python benchmarks/overopt_error.py

The proxy surely rises. Gold is noise around a flat curve, or a walk without a direction, whose steps each seed keeps.
Beside the rule stand two that it replaces: the peak of the other seeds on all steps, and highest minus last.
Shape legend: S seeds, T steps, W windows.
"""

import argparse
from collections.abc import Callable

import numpy as np

from assay.audits.overoptimisation import OVER, lost_since_peak, peak, smoothed, verdict
from assay.stats import Floats, t_interval
from assay.types import Interval

RISEN = Interval(1.0, 0.5, 1.5)
GOLDS: dict[str, Callable[[Floats], Floats]] = {
    "flat": lambda noise_ST: noise_ST,
    "walk": lambda noise_ST: np.cumsum(noise_ST, axis=1),
}


def others_peak(gold_ST: Floats, window: int) -> Floats:
    """Loss of each seed since the peak of the others, all steps in both, float64 [S]."""
    gold_SW = smoothed(gold_ST, window)
    others_SW = gold_SW.sum(axis=0) - gold_SW
    at_S = [peak(others_W) for others_W in others_SW]
    return np.asarray(gold_SW[np.arange(len(gold_SW)), at_S] - gold_SW[:, -1])


def own_peak(gold_ST: Floats, window: int) -> Floats:
    """Highest minus last of each seed, float64 [S]."""
    gold_SW = smoothed(gold_ST, window)
    return np.asarray(gold_SW.max(axis=1) - gold_SW[:, -1])


RULES = {"the rule": lost_since_peak, "peak of the others, all steps": others_peak, "highest minus last": own_peak}


def called(gold: str, rule: str, seeds: int, steps: int, window: int, arms: int) -> float:
    """Share of arms that are called over-optimised; every rule sees the same arms."""
    rng = np.random.default_rng([len(gold), seeds, steps])
    verdicts = []
    for _ in range(arms):
        gold_ST = GOLDS[gold](0.02 * rng.standard_normal((seeds, steps)))
        verdicts.append(verdict(RISEN, t_interval(RULES[rule](gold_ST, window))))
    return verdicts.count(OVER) / arms


def main() -> None:
    """Prints a table: a row a gold, number of seeds, steps and window, a column a rule."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arms", type=int, default=2000)
    parser.add_argument("--steps", type=int, nargs="+", default=[20, 40, 100, 200])
    parser.add_argument("--windows", type=int, nargs="+", default=[3, 5, 9])
    options = parser.parse_args()
    print("| gold | seeds | steps | window | " + " | ".join(RULES) + " |")
    print("|---" * (4 + len(RULES)) + "|")
    for gold in GOLDS:
        for seeds in (2, 3, 5):
            for steps in options.steps:
                for window in (each for each in options.windows if 2 * each <= steps):
                    shares = [called(gold, rule, seeds, steps, window, options.arms) for rule in RULES]
                    cells = " | ".join(f"{share:.1%}" for share in shares)
                    print(f"| {gold} | {seeds} | {steps} | {window} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
