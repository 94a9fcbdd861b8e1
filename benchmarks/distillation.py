"""What brings new ability: reinforcement learning, distillation, or selection alone? At one budget of samples.

    python benchmarks/distillation.py --out runs/distillation --page docs/distillation_measured.md

From one base, on problems of all depths (`compose:ladder`): GRPO on the verifier; off-policy distillation; on-policy
distillation; off-policy distillation with half the samples, then GRPO with the other half; and fine-tuning on the
base's own verified samples, the control for what selection alone does. The recipes are `recipes/distill-ladder-*.toml`.
Each arm is audited on `compose:hard`, beside the base, which hardly ever solves a problem of it, the teacher, which
solves most, and the guess floor. Arms run side by side, one thread each; stopped, it continues where it was.
"""

import argparse
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arms import RECIPES, finish, over_seeds, sample, side_by_side

from assay import __version__
from assay.audits.compare import compare
from assay.cli.main import run as assay
from assay.report.figure import Figure, Table, level, model_keys
from assay.report.images import write_images
from assay.report.lines import Axes, Line, Point, line_chart
from assay.report.look import colours, dashes
from assay.report.words import decimal
from assay.stats import t_interval

BASE, TEACHER = "organism:code-base", "organism:teacher"
TRAINED_ON, AUDITED_ON = "compose:ladder", "compose:hard"
LONGEST = 160
"""New tokens of a sample, as in the recipes: eight steps, written twice."""
STEP = 512
"""Samples of a step, as in the recipes of GRPO and of on-policy distillation."""
TRACES = 4
"""Samples of a problem that is distilled."""
ARMS = {
    "rlvr": "GRPO on the verifier",
    "off-policy": "SFT on the teacher's verified samples",
    "on-policy": "forward KL from the teacher on the student's samples",
    "off-policy-rlvr": "half the samples off-policy, then half by GRPO",
    "self": "SFT on the base's own verified samples",
}
Findings = Mapping[str, Any]


def train(arm: str, seed: int, out: Path, steps: int) -> Path:
    """Trains an arm, from wherever it is; the directory of its model."""
    path = out / f"{arm}-{seed}"
    common = [f"seed={seed}", "evaluation.every=0", "checkpoint.rollouts_every=0"]
    if arm == "rlvr":
        return finish(path, "distill-ladder-grpo", [*common, f"steps={steps}"]).path
    if arm == "on-policy":
        return finish(path, "distill-ladder-on-policy", [*common, f"steps={steps}"]).path
    if arm == "off-policy-rlvr":
        student = distilled(TEACHER, seed, path / "off-policy", steps // 2)
        more = [f"model.base='{student.resolve()}'", f"steps={steps - steps // 2}"]
        return finish(path / "rlvr", "distill-ladder-grpo", [*common, *more]).path
    return distilled(TEACHER if arm == "off-policy" else BASE, seed, path, steps)


def distilled(teacher: str, seed: int, out: Path, steps: int) -> Path:
    """Fine-tunes the base on as many verified samples of a teacher as so many steps of reinforcement learning draw."""
    torch.set_num_threads(1)
    words = f"--teacher {teacher} --student {BASE} --task {TRAINED_ON} --problems {steps * STEP // TRACES} -n {TRACES}"
    words += f" --max-new-tokens {LONGEST} --seed {seed} --set seed={seed} --set evaluation.every=0"
    recipe = RECIPES / "distill-ladder-off-policy.toml"
    assert assay(["distill", *words.split(), "--recipe", str(recipe), "--out", str(out)]) == 0
    return out / "run"


def train_and_sample(arm: str, seed: int, out: Path, options: argparse.Namespace) -> None:
    """Trains an arm and samples its model on the held-out problems."""
    model = train(arm, seed, out, options.steps)
    sample(str(model), out / f"{arm}-{seed}.parquet", AUDITED_ON, options.problems, options.n, LONGEST)


def table(findings: Findings, seeds: Sequence[int]) -> list[str]:
    """The guess floor, base and teacher; then a line an arm: means over seeds, and the verdict of each seed's audit."""
    at = list(dict.fromkeys(("1", str(findings["settings"]["K"]), str(findings["settings"]["n"]))))
    k = str(findings["settings"]["K"])
    lines = [
        f"| | | {' | '.join(f'pass@{each}' for each in at)} | change of pass@{k} | verdicts of the seeds |",
        f"|---|---|{'---|' * len(at)}---|---|",
        f"| guess floor | blind answers | {' | '.join(decimal(findings['guess_floor'][each]) for each in at)} | | |",
    ]
    for label, what in (("base", f"`{BASE}`"), ("teacher", f"`{TEACHER}`")):
        cells = [over_problems(findings["pass_at_k"][label][each]) for each in at]
        lines.append(f"| {label} | {what} | {' | '.join(cells)} | | |")
    for arm, what in ARMS.items():
        labels = [f"{arm}-{seed}" for seed in seeds]
        tables = [findings["pass_at_k"][label] for label in labels]
        cells = [over_seeds([each[place]["estimate"] for each in tables], bounds=(0, 1)) for place in at]
        compared = [findings["comparisons"][label] for label in labels]
        changes = [each["pass_at_k_difference"][k]["estimate"] for each in compared]
        told = [over_seeds(changes, "+z.3f", (-1, 1)), ", ".join(each["verdict"] for each in compared)]
        lines.append(f"| {' | '.join([arm, what, *cells, *told])} |")
    return lines


def over_problems(found: Mapping[str, float | None]) -> str:
    """A pass@k of one model with its interval over problems, where it is known."""
    bounds = "" if found["low"] is None else f" ({decimal(found['low'])} to {decimal(found['high'])})"
    return f"{decimal(found['estimate'])}{bounds}"


def picture(findings: Findings, seeds: Sequence[int]) -> Figure:
    """pass@k of the base and of every arm, means over seeds, with intervals over seeds, the base's over problems."""
    ks, labels = findings["settings"]["k"], ["base", *ARMS]
    lines = []
    for label in labels:
        names = ["base"] if label == "base" else [f"{label}-{seed}" for seed in seeds]
        tables = [findings["pass_at_k"][name] for name in names]
        points = [_point(k, [each[str(k)] for each in tables]) for k in ks]
        lines.append(Line(label, colours(labels)[label], points, dashes(labels)[label]))
    return Figure(
        name="distillation",
        title=f"Problems of {AUDITED_ON} solved within k tries",
        chart=line_chart(lines, Axes("k (tries)", "pass@k", decimal, True, ks)),
        says="",
        method=f"Means over {len(seeds)} seeds; {level(findings['settings'])} intervals over seeds, the base's over "
        "problems.",
        keys=model_keys({"models": labels}, labels),
        table=Table([], []),
    )


def _point(k: int, found: Sequence[Mapping[str, float]]) -> Point:
    if len(found) == 1:
        return Point(k, found[0]["estimate"], found[0]["low"], found[0]["high"])
    interval = t_interval(np.array([each["estimate"] for each in found]))
    assert interval is not None and interval.low is not None and interval.high is not None
    return Point(k, interval.estimate, max(0.0, interval.low), min(1.0, interval.high))


def page(findings: Findings, seeds: Sequence[int], options: argparse.Namespace) -> str:
    """The table with what it was measured with, and the picture."""
    made_by = f"Assay {__version__}, torch {torch.__version__}, {platform.machine()}, {os.cpu_count()} cores"
    lines = [
        "# Distillation beside reinforcement learning, measured",
        "",
        f"Written by `python benchmarks/distillation.py --page docs/distillation_measured.md`; {made_by}.",
        "",
        f"From `{BASE}`, with `{TEACHER}`, on `{TRAINED_ON}` (two to eight functions in a row), "
        f"{options.steps * STEP:,} samples an arm and seed, {len(seeds)} seed{'s' * (len(seeds) > 1)}; audited on "
        f"{options.problems} held-out problems of `{AUDITED_ON}` (eight functions) x {options.n} samples. The recipes "
        "are `recipes/distill-ladder-*.toml`.",
        "",
        "Intervals are 95 %. Those of base and teacher are over problems. Those of the arms are Student's over seeds, "
        "cut at 0 and 1 (those of changes at -1 and 1), since a share lies between. The base is sampled once: its "
        "error is the same in the changes of all arms and seeds, and not in their intervals.",
        "",
        *table(findings, seeds),
        "",
        f"![Problems of {AUDITED_ON} solved within k tries](images/distillation.png)",
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is missing, then prints the page; with --page writes it, and the picture beside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/distillation"))
    parser.add_argument("--page", type=Path)
    for name, default in (("seeds", 3), ("problems", 128), ("n", 256), ("processes", 2), ("steps", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    out, seeds = options.out.resolve(), range(options.seeds)
    out.mkdir(parents=True, exist_ok=True)
    fixed = [
        (label, sample, (model, out / f"{label}.parquet", AUDITED_ON, options.problems, options.n, LONGEST))
        for label, model in (("base", BASE), ("teacher", TEACHER))
    ]
    jobs = [(f"{arm}, seed {s}", train_and_sample, (arm, s, out, options)) for s in seeds for arm in ARMS]
    side_by_side([*fixed, *jobs], options.processes)
    labels = ["base", "teacher", *(f"{arm}-{seed}" for arm in ARMS for seed in seeds)]
    findings = compare([out / f"{label}.parquet" for label in labels], labels)
    text = page(findings, seeds, options)
    print(text)
    write_images([picture(findings, seeds)], options.page.parent / "images" if options.page else out)
    if options.page:
        options.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
