"""What brings new ability: reinforcement learning, distillation, or selection alone? At one budget of samples.

    python benchmarks/distillation.py --out runs/distillation --page docs/distillation_measured.md

From one base, on problems of all depths (`compose:ladder`): GRPO on the verifier; off-policy distillation; on-policy
distillation; off-policy distillation with half the samples, then GRPO with the other half; and fine-tuning on the
base's own verified samples, the control for what selection alone does. Each is audited on `compose:hard`, which the
base cannot do within 256 tries and guessing does not reach. Arms run side by side, one thread each; stopped, it
continues where it was.
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
LADDER = "task={name='compose', rung='ladder'}"
LONGEST = 160
"""New tokens of a sample: eight steps, written twice."""
STEP = 512
"""Samples of a step of reinforcement learning."""
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
    common = [f"seed={seed}", LADDER, f"rollout.max_new_tokens={LONGEST}", "evaluation.every=0"]
    common += ["checkpoint.rollouts_every=0"]
    if arm == "rlvr":
        return finish(path, "compose-grpo", [*common, f"steps={steps}", f"rollout.prompts={STEP // 16}"]).path
    if arm == "on-policy":
        size = f"rollout.prompts={STEP}"
        return finish(path, "compose-on-policy-distillation", [*common, f"steps={steps}", size]).path
    if arm == "off-policy-rlvr":
        student = distilled(TEACHER, seed, path / "off-policy", steps // 2)
        more = [f"model.base='{student.resolve()}'", f"steps={steps - steps // 2}", f"rollout.prompts={STEP // 16}"]
        return finish(path / "rlvr", "compose-grpo", [*common, *more]).path
    return distilled(TEACHER if arm == "off-policy" else BASE, seed, path, steps)


def distilled(teacher: str, seed: int, out: Path, steps: int) -> Path:
    """Fine-tunes the base on as many verified samples of a teacher as so many steps of reinforcement learning draw."""
    torch.set_num_threads(1)
    words = f"--teacher {teacher} --student {BASE} --task {TRAINED_ON} --problems {steps * STEP // TRACES} -n {TRACES}"
    words += f" --max-new-tokens {LONGEST} --seed {seed} --set seed={seed} --set epochs=2 --set evaluation.every=0"
    assert assay(["distill", *words.split(), "--recipe", str(RECIPES / "compose-sft.toml"), "--out", str(out)]) == 0
    return out / "run"


def train_and_sample(arm: str, seed: int, out: Path, options: argparse.Namespace) -> None:
    """Trains an arm and samples its model on the held-out problems."""
    model = train(arm, seed, out, options.steps)
    sample(str(model), out / f"{arm}-{seed}.parquet", AUDITED_ON, options.problems, options.n, LONGEST)


def table(findings: Findings, seeds: Sequence[int]) -> list[str]:
    """A line an arm: means over seeds with their intervals, and the verdict of each seed's audit."""
    k = str(findings["settings"]["K"])
    lines = [
        f"| arm | what | pass@1 | pass@{k} | change of pass@{k} | verdicts of the seeds |",
        "|---|---|---|---|---|---|",
        f"| base | | {decimal(findings['pass_at_k']['base']['1']['estimate'])} "
        f"| {decimal(findings['pass_at_k']['base'][k]['estimate'])} | | |",
    ]
    for arm, what in ARMS.items():
        labels = [f"{arm}-{seed}" for seed in seeds]
        values = {at: [findings["pass_at_k"][label][at]["estimate"] for label in labels] for at in ("1", k)}
        compared = [findings["comparisons"][label] for label in labels]
        changes = [each["pass_at_k_difference"][k]["estimate"] for each in compared]
        cells = [arm, what, over_seeds(values["1"]), over_seeds(values[k]), over_seeds(changes, "+.3f")]
        lines.append(f"| {' | '.join([*cells, ', '.join(each['verdict'] for each in compared)])} |")
    return lines


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
        f"{options.steps * STEP:,} samples an arm and seed, {len(seeds)} seeds; audited on {options.problems} held-out "
        f"problems of `{AUDITED_ON}` (eight functions) x {options.n} samples. Intervals are 95 %, over seeds.",
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
    base = (BASE, out / "base.parquet", AUDITED_ON, options.problems, options.n, LONGEST)
    jobs = [(f"{arm}, seed {s}", train_and_sample, (arm, s, out, options)) for s in seeds for arm in ARMS]
    side_by_side([("base", sample, base), *jobs], options.processes)
    labels = [f"{arm}-{seed}" for arm in ARMS for seed in seeds]
    files = [out / f"{label}.parquet" for label in ("base", *labels)]
    findings = compare(files, ["base", *labels])
    text = page(findings, seeds, options)
    print(text)
    write_images([picture(findings, seeds)], options.page.parent / "images" if options.page else out)
    if options.page:
        options.page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
