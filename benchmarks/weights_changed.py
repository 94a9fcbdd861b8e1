"""What do RL and SFT change in the weights, how much of that is rounding, and is the rest enough to learn with?

    python benchmarks/weights_changed.py --out runs/weights --page docs/weights_measured.md

GRPO and, as a control, SFT on a teacher's traces with as many updates, at the papers' learning rate of 1e-6, at an
organism's usual 1e-4 and between; weights stored in bfloat16 beside float32 masters, products in float32. At the middle
rate: whether other seeds, other data and another algorithm change the same weights; and training of only those
weights that the full run changed, beside a random subnetwork of the same size. Runs are made side by side, one thread
each; stopped, it continues where it was.
"""

import argparse
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import torch
from arms import RECIPES, finish, over_seeds, sample, side_by_side

from assay import __version__
from assay.cli.main import run as assay
from assay.recipe import load_recipe
from assay.weights.document import Asked, measure
from assay.weights.patch import make_patch

BASE, TEACHER, TASK = "organism:code-base", "organism:teacher", "compose:edge"
RATES = (1e-6, 1e-5, 1e-4)
MIDDLE = 1e-5
LONGEST = 96
"""New tokens of a sample in the audit."""
OTHERS = {
    "data": ["task={name='compose', rung='seen'}"],
    "algorithm": ["algorithm={name='reinforce++'}"],
}
"""What another run differs in -> its overrides; its seed is 0, as that of the run it is compared with."""
SUBNETWORKS = ("changed", "random")
Document = Mapping[str, Any]


def reinforcement(path: Path, rate: float, seed: int, more: Sequence[str] = ()) -> None:
    """GRPO at the rate."""
    overrides = [f"seed={seed}", f"optimizer.learning_rate={rate}", "evaluation.every=0", "checkpoint.rollouts_every=0"]
    finish(path, "compose-grpo-bf16", [*overrides, *more])


def fine_tuning(path: Path, rate: float, seed: int, traces: Path, more: Sequence[str] = ()) -> None:
    """SFT at the rate, with as many updates as the GRPO recipe has."""
    steps = load_recipe(RECIPES / "compose-grpo-bf16.toml", list(more)).steps
    overrides = [f"seed={seed}", f"optimizer.learning_rate={rate}", "optimizer.warmup_steps=0", f"steps={steps}"]
    overrides += [f"data.train={traces}", "model.storage=bfloat16", "evaluation.every=0"]
    finish(path, "compose-sft", overrides)


def subnetwork(out: Path, which: str, seed: int, more: Sequence[str]) -> None:
    """GRPO on the weights that the full run of the seed changed, or on as many random ones."""
    full, mask = out / f"rl-{MIDDLE:g}-{seed}", out / f"{which}-{seed}.safetensors"
    if not mask.exists():
        option = "--mask" if which == "changed" else "--random-mask"
        assert assay(["diff", BASE, str(full), option, str(mask), "--seed", str(seed)]) == 0
    reinforcement(out / f"{which}-{seed}", MIDDLE, seed, [f"optimizer.mask={mask}", *more])


def accuracy(file: Path) -> float:
    """Share of right answers in a sample file."""
    return float(pl.read_parquet(file, columns=["correct"])["correct"].mean())  # type: ignore[arg-type]


def percent(values: Sequence[float | None]) -> str:
    """Mean over seeds with its interval, in percent; 'not known' where one is not known."""
    known = [100 * value for value in values if value is not None]
    return f"{over_seeds(known, 'z.2f', (0, 100))} %" if len(known) == len(values) else "not known"


def patch_share(path: Path) -> float:
    """Bytes of the patch that makes a run's model of the base / bytes of its safetensors file."""
    made = make_patch(BASE, str(path), path.with_suffix(".patch"))
    return made.patch_bytes / made.full_bytes


def sparsity_table(out: Path, seeds: Sequence[int]) -> tuple[list[str], list[str]]:
    """A line a kind of training and rate; and, rate by rate, the sentence of seed 0 beside its control."""
    lines = [
        "| training | learning rate | sparsity (bf16, 1e-5) | the same bits in bf16 | equal in fp32 "
        "| of those with the same bits, moved in fp32 | update / base | patch / bf16 checkpoint | pass@1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    words = []
    for rate in RATES:
        for kind in ("rl", "sft"):
            found = [measure(Asked(BASE, str(out / f"{kind}-{rate:g}-{seed}"))) for seed in seeds]
            told = [next(iter(each["models"].values())) for each in found]
            whole = [each["total"] for each in told]
            right = [accuracy(out / f"{kind}-{rate:g}-{seed}.parquet") for seed in seeds]
            cells = [
                "GRPO" if kind == "rl" else "SFT",
                f"{rate:g}",
                percent([each["sparsity"] for each in whole]),
                percent([each["equal"] / each["weights"] for each in whole]),
                percent([1 - each["changed_fp32"] / each["weights"] for each in whole]),
                percent([each["hidden_share"] for each in told]),
                over_seeds([each["relative_update_norm"] for each in whole], ".2g"),
                percent([patch_share(out / f"{kind}-{rate:g}-{seed}") for seed in seeds]),
                over_seeds(right, bounds=(0, 1)),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        control = str(out / f"sft-{rate:g}-0")
        words.append(f"- {rate:g}: {measure(Asked(BASE, str(out / f'rl-{rate:g}-0'), control))['words']}")
    return lines, words


def overlap_table(out: Path, seeds: Sequence[int]) -> list[str]:
    """Changed sets of the middle rate, two by two."""
    first = out / f"rl-{MIDDLE:g}-0"
    others = {f"seed {seed}": out / f"rl-{MIDDLE:g}-{seed}" for seed in seeds[1:]}
    others |= {name: out / name for name in OTHERS} | {"SFT": out / f"sft-{MIDDLE:g}-0"}
    rows = measure(Asked(BASE, str(first), overlap=[str(path) for path in others.values()]))["overlap"]
    lines = ["| differs in | o1 | by chance | o2 | by chance | Jaccard |", "|---|---|---|---|---|---|"]
    for what, row in zip(others, rows, strict=False):  # the first run with each other comes first
        cells = [row[key] for key in ("o1", "o1_chance", "o2", "o2_chance", "jaccard")]
        lines.append(f"| {what} | {' | '.join('-' if value is None else f'{value:.3f}' for value in cells)} |")
    return lines


def subnetwork_table(out: Path, seeds: Sequence[int]) -> list[str]:
    """The full run, and those of its subnetwork and of a random one: what they reach, and how near they end."""
    lines = ["| trained | weights | pass@1 | distance from the full run / its update | sparsity from the full run |"]
    lines.append("|---|---|---|---|---|")
    full = [out / f"rl-{MIDDLE:g}-{seed}" for seed in seeds]
    moved = [next(iter(measure(Asked(BASE, str(path)))["models"].values()))["total"] for path in full]
    reached = over_seeds([accuracy(out / f"{path.name}.parquet") for path in full], bounds=(0, 1))
    lines.append(f"| everything | 100 % | {reached} | 0 | 100 % |")
    for which in SUBNETWORKS:
        paths = [out / f"{which}-{seed}" for seed in seeds]
        apart = [
            next(iter(measure(Asked(str(a), str(b)))["models"].values()))["total"]
            for a, b in zip(full, paths, strict=True)
        ]
        norms = [a["update_norm"] / b["update_norm"] for a, b in zip(apart, moved, strict=True) if b["update_norm"]]
        cells = [
            "what the full run changed" if which == "changed" else "as many random weights",
            percent([each["changed"] / each["weights"] for each in moved]),
            over_seeds([accuracy(out / f"{path.name}.parquet") for path in paths], bounds=(0, 1)),
            over_seeds(norms),
            percent([each["sparsity"] for each in apart]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def page(out: Path, seeds: Sequence[int], options: argparse.Namespace) -> str:
    """The tables with what they were measured with."""
    made_by = f"Assay {__version__}, torch {torch.__version__}, {platform.machine()}, {os.cpu_count()} cores"
    table, words = sparsity_table(out, seeds)
    right = accuracy(out / "base.parquet")
    lines = [
        "# What changed in the weights, measured",
        "",
        f"Written by `python benchmarks/weights_changed.py --page docs/weights_measured.md`; {made_by}.",
        "",
        f"`recipes/compose-grpo-bf16.toml` from `{BASE}` on `{TASK}` and, as its control, SFT on traces of `{TEACHER}` "
        f"there with as many updates; {len(seeds)} seeds, 95 % intervals over them. Weights are stored in bf16; fp32 "
        f"are the masters. pass@1 on {options.problems} held-out problems x {options.n} samples; the base's is "
        f"{right:.3f}.",
        "",
        *table,
        "",
        "`assay diff` says of the first seed:",
        "",
        *words,
        "",
        "## Do other runs change the same weights?",
        "",
        f"Changed sets (bf16, 1e-5) at a learning rate of {MIDDLE:g}, beside that of GRPO with seed 0.",
        "",
        *overlap_table(out, seeds),
        "",
        "## Training the subnetwork alone",
        "",
        f"At a learning rate of {MIDDLE:g}; distances are between fp32 masters, sparsity is between bf16 weights.",
        "",
        *subnetwork_table(out, seeds),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is missing, then prints the tables; with --page also into that file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/weights"))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--set", action="append", default=[], help="override a key of the GRPO recipe")
    for name, default in (("seeds", 3), ("problems", 128), ("n", 32), ("processes", 2), ("traces", 1500)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    out, seeds, more = options.out.resolve(), range(options.seeds), options.set
    out.mkdir(parents=True, exist_ok=True)
    words = f"--teacher {TEACHER} --task {TASK} --problems {options.traces} -n 2 --no-train".split()
    assert assay(["distill", *words, "--out", str(out / "traces")]) == 0
    traces = out / "traces" / "traces.jsonl"
    runs = [
        (f"rl-{rate:g}-{seed}", reinforcement, (out / f"rl-{rate:g}-{seed}", rate, seed, more))
        for seed in seeds
        for rate in RATES
    ]
    runs += [(name, reinforcement, (out / name, MIDDLE, 0, [*more, *change])) for name, change in OTHERS.items()]
    tuned = [
        (f"sft-{rate:g}-{seed}", fine_tuning, (out / f"sft-{rate:g}-{seed}", rate, seed, traces, more))
        for seed in seeds
        for rate in RATES
    ]
    side_by_side([*runs, *tuned], options.processes)
    masked = [(f"{which}-{s}", subnetwork, (out, which, s, more)) for which in SUBNETWORKS for s in seeds]
    side_by_side(masked, options.processes)
    names = [name for name, *_ in (*runs, *tuned, *masked)]
    models = {"base": BASE} | {name: str(out / name) for name in names if name not in OTHERS}
    jobs = [
        (f"samples of {name}", sample, (model, out / f"{name}.parquet", TASK, options.problems, options.n, LONGEST))
        for name, model in models.items()
    ]
    side_by_side(jobs, options.processes)
    text = page(out, seeds, options)
    print(text)
    if options.page:
        options.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
