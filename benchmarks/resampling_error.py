"""How often does an audit of two samplings of one model call a change? Each verdict should in 5 % of audits at most.

    python benchmarks/resampling_error.py --out runs/resampling --page docs/resampling_measured.md

Each pair has problems of its own, sampled twice from the same model with other seeds; `assay audit` is asked about the
two. Stopped, it continues where it was.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from arms import Job, side_by_side

from assay.audits.compare import compare
from assay.audits.diversity import NOT_TOLD
from assay.audits.strategy import KEPT
from assay.audits.verdict import EXTENDED, NARROWED, SHARPENED
from assay.rollout.sampling import sample_to_file
from assay.stats import binomial_upper
from assay.tasks import make_task
from assay.types import Sampling

NAMES = ("base", "again")
MADE_BY = "Written by `python benchmarks/resampling_error.py --page docs/resampling_measured.md`."


def draw(model: str, task: str, out: Path, pair: int, problems: int, n: int) -> None:
    """Both samplings of a pair, as far as they are not there."""
    torch.set_num_threads(1)
    posed = make_task(task)
    for number, name in enumerate(NAMES):
        sampling = Sampling(max_new_tokens=posed.max_new_tokens, seed=2 * pair + number)
        sample_to_file(model, posed, out / f"{pair}-{name}.parquet", problems, n, sampling, problem_seed=pair)


def changes(findings: dict[str, Any]) -> dict[str, bool]:
    """What an audit tells of -> whether it says that it changed."""
    told = findings["comparisons"][NAMES[1]]
    intervals = {
        "mean length": told["length"]["all"],
        "answer entropy": told["entropy"]["answer"],
        "token entropy": told["entropy"]["token"],
        **{f"distinct {n}-grams": each for n, each in told["distinct_n"].items()},
        **{f"reflection rate, {name}": each["rate"] for name, each in told["reflection"]["phrases"].items()},
    }
    return {
        "boundary verdict": told["verdict"] in (EXTENDED, NARROWED, SHARPENED),
        "diversity verdict": told["diversity"]["verdict"] != NOT_TOLD,
        "a strategy less or lost": any(each["fate"] != KEPT for each in told["strategy"]["fates"].values()),
        **{name: not each["low"] <= 0 <= each["high"] for name, each in intervals.items()},
    }


def table(found: Sequence[dict[str, bool]]) -> list[str]:
    """A line a verdict: how many audits call a change, and how large the true share may be."""
    counts = Counter(name for each in found for name, changed in each.items() if changed)
    lines = ["| verdict | audits | call a change | share | 95 % upper bound |", "|---|---|---|---|---|"]
    for name in found[0]:
        upper = binomial_upper(counts[name], len(found))
        lines.append(f"| {name} | {len(found)} | {counts[name]} | {counts[name] / len(found):.3f} | {upper:.3f} |")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Samples what is missing, audits every pair and prints the table; with --page also into that file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/resampling"))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--model", default="organism:code-base")
    parser.add_argument("--task", default="compose:seen")
    for name, default in (("pairs", 60), ("problems", 48), ("n", 32), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    pairs = range(options.pairs)
    jobs: list[Job] = [
        (f"pair {pair}", draw, (options.model, options.task, options.out, pair, options.problems, options.n))
        for pair in pairs
    ]
    side_by_side(jobs, options.processes)
    files = [[options.out / f"{pair}-{name}.parquet" for name in NAMES] for pair in pairs]
    lines = table([changes(compare(pair, NAMES)) for pair in files])
    print("\n".join(lines))
    if options.page:
        said = (
            f"Two samplings of `{options.model}` on {options.problems} problems of `{options.task}` x {options.n}, "
            f"{options.pairs} times, each time on other problems. Nothing changed, so each share should "
            "be at most .05, within what so many audits can tell (the last column)."
        )
        head = ["# Audits of two samplings of one model", "", MADE_BY, "", said, ""]
        options.page.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
