"""How often the boundary verdict calls a change between two samplings of one model. It should be 5 % at most.

python benchmarks/verdict_error.py --audits 10000
"""

import argparse
from collections import Counter

import numpy as np

from assay.audits.verdict import EXTENDED, NARROWED, SHARPENED, boundary_verdict
from assay.stats import Answers

POPULATIONS = {
    "Beta(.4, 1.2)": lambda rng, size: rng.beta(0.4, 1.2, size),
    "40 % impossible, else Beta(.3, 3)": lambda rng, size: np.where(rng.random(size) < 0.4, 0, rng.beta(0.3, 3, size)),
    "70 % impossible, else Beta(.3, 6)": lambda rng, size: np.where(rng.random(size) < 0.7, 0, rng.beta(0.3, 6, size)),
    "Beta(3, .5)": lambda rng, size: rng.beta(3, 0.5, size),
    "97 % impossible, else Beta(1, 10)": lambda rng, size: np.where(rng.random(size) < 0.97, 0, rng.beta(1, 10, size)),
}


def false_changes(population: str, problems: int, n: int, audits: int, flips: int) -> float:
    """Share of audits under the null that end in a verdict of change."""
    rng = np.random.default_rng([problems, n, len(population)])
    verdicts: Counter[str] = Counter()
    for _ in range(audits):
        rates_M, n_M = POPULATIONS[population](rng, problems), np.full(problems, n)
        base, tuned = (Answers(n_M, rng.binomial(n, rates_M)) for _ in range(2))
        verdicts[boundary_verdict(base, tuned, n, flips=flips).verdict] += 1
    return sum(verdicts[name] for name in (EXTENDED, NARROWED, SHARPENED)) / audits


def main() -> None:
    """Prints a table: a row a population and number of problems, a column a number of answers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--audits", type=int, default=1000)
    parser.add_argument("--flips", type=int, default=999)
    options = parser.parse_args()
    answers = (16, 64, 128)
    print("| population | problems | " + " | ".join(f"n = {n}" for n in answers) + " |")
    print("|---" * (2 + len(answers)) + "|")
    for population in POPULATIONS:
        for problems in (48, 96, 128, 256):
            shares = [false_changes(population, problems, n, options.audits, options.flips) for n in answers]
            print(f"| {population} | {problems} | " + " | ".join(f"{share:.2%}" for share in shares) + " |", flush=True)


if __name__ == "__main__":
    main()
