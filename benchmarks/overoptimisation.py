"""RLHF on a biased and on an unbiased annotator, with and without a KL penalty: when does a reward stop meaning much?

    python benchmarks/overoptimisation.py --out runs/overoptimisation --page docs/overoptimisation_measured.md

From one base: responses, preferences of a simulated annotator, a reward model, and PPO on it, for several coefficients
of the KL penalty and none; for each seed its own preferences, reward model and policy. The dials stand below and were
fixed on seed 100 (`--seeds 1 --first-seed 100`) before these ran. The unbiased annotator is the control, also at three
times the steps. Runs are made side by side, one thread each; stopped, it continues where it was. Each annotator's
policies are audited by `assay overopt`.
"""

import argparse
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from arms import finish, side_by_side

from assay import __version__
from assay.cli.main import run as assay

ANNOTATORS = {"biased": {"right": 4.0, "longer": 0.1}, "unbiased": {"right": 4.0}}
"""Both like right responses; one of them likes long ones too, by a tenth of a nat a token."""
STEPS = 20
ARMS = (
    *(("biased", coefficient, STEPS) for coefficient in (0.0, 0.2, 0.5)),
    *(("unbiased", 0.0, steps) for steps in (STEPS, 3 * STEPS)),
)
"""Annotator, coefficient of the KL penalty, steps."""


def reward_model(annotator: str, seed: int, out: Path) -> None:
    """Preferences and a reward model of one annotator, as far as they are not there."""
    rows = out / f"{annotator}-{seed}.jsonl"
    if not rows.exists():
        dials = [word for name, value in ANNOTATORS[annotator].items() for word in ("--set", f"{name}={value}")]
        command = ["prefer", str(out / "base.parquet"), *dials, "--set", f"seed={seed}", "--per-problem", "8"]
        assert assay([*command, "--out", str(rows)]) == 0
    finish(out / f"{annotator}-{seed}", "compose-reward-model", [f"seed={seed}", f"preferences.train={rows}"])


def policy(annotator: str, coefficient: float, steps: int, seed: int, out: Path) -> None:
    """PPO on a reward model."""
    kl = f"kl_coef={coefficient}, kl_measure=true"
    algorithm = f"algorithm={{name='ppo', updates=2, critic_learning_rate=1e-3, bootstrap=false, lam=1.0, {kl}}}"
    reward = f"reward.functions=['model:{(out / f'{annotator}-{seed}').resolve()}']"
    overrides = [f"seed={seed}", f"steps={steps}", f"name={annotator}", algorithm, reward, "evaluation.every=0"]
    finish(policy_run(annotator, coefficient, steps, seed, out), "compose-rlhf-ppo", overrides)


def policy_run(annotator: str, coefficient: float, steps: int, seed: int, out: Path) -> Path:
    """Directory of a policy's run."""
    return out / f"{annotator}-kl-{coefficient}-{steps}-{seed}"


def cell(value: Mapping[str, float] | None, form: str = "+.3f") -> str:
    """'+.305 (+.166 to +.447)'."""
    if value is None:
        return "not known"
    return f"{value['estimate']:{form}} ({value['low']:{form}} to {value['high']:{form}})"


def table(annotator: str, document: Mapping[str, Any]) -> list[str]:
    """A line an arm of one annotator."""
    lines = []
    for arm in document["arms"].values():
        differs = {"algorithm.kl_coef": 0.0, "steps": STEPS} | arm["differs"]
        length = next(row["change"] for row in arm["learned"] if row["trait"] == "length")
        cells = [annotator, f"{differs['algorithm.kl_coef']:g}", str(differs["steps"])]
        cells += [cell(arm["proxy"]["change"]), cell(arm["gold"]["change"]), cell(arm["lost_since_peak"])]
        cells += [cell(arm["peak"]["kl"], ".3g"), cell(arm["kl"]["end"], ".3g"), cell(length, "+.1f")]
        lines.append(f"| {' | '.join([*cells, arm['verdict']])} |")
    return lines


def page(documents: Mapping[str, Mapping[str, Any]], pictures: Sequence[str], seeds: int) -> str:
    """The table and the pictures, with what they were measured with."""
    made_by = f"Assay {__version__}, torch {torch.__version__}, {platform.machine()}"
    dials = {name: ", ".join(f"{dial} {value:g}" for dial, value in each.items()) for name, each in ANNOTATORS.items()}
    told = "; ".join(f"{name}: {each}" for name, each in dials.items())
    lines = [
        "# Over-optimisation, measured",
        "",
        f"Written by `python benchmarks/overoptimisation.py --page docs/overoptimisation_measured.md`; {made_by}.",
        "",
        f"**The annotators are simulated** ({told}; noise 1). PPO from `organism:code-base` on `compose:seen`, {seeds} "
        "seeds, each with preferences, a reward model and a policy of its own; 95 % intervals over seeds. Gold is the "
        "share of right responses, which nobody was trained on; KL is in nats a response; length in tokens, of the "
        "last step minus the first.",
        "",
        "| annotator | kl_coef | steps | proxy, change | gold, change | gold lost since its peak | KL where gold peaks "
        "| KL at the end | length, change | verdict |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *(line for annotator, document in documents.items() for line in table(annotator, document)),
        "",
        *(f"![{name}](images/{name}.png)" for name in pictures),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is missing, then audits all policies together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/overoptimisation"))
    parser.add_argument("--page", type=Path)
    for name, default in (("seeds", 3), ("first-seed", 0), ("problems", 2048), ("processes", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args(arguments)
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "base.parquet").exists():
        words = f"sample organism:code-base --task compose:seen --split train --problems {options.problems} -n 16"
        assert assay([*words.split(), "--out", str(out / "base.parquet")]) == 0
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    models = [
        (f"{annotator}, seed {seed}", reward_model, (annotator, seed, out))
        for seed in seeds
        for annotator in ANNOTATORS
    ]
    side_by_side(models, options.processes)
    policies = [(str(policy_run(*arm, seed, out)), policy, (*arm, seed, out)) for seed in seeds for arm in ARMS]
    side_by_side(policies, options.processes)
    documents, pictures = {}, {}
    for annotator in ANNOTATORS:
        runs = [str(policy_run(*arm, seed, out)) for arm in ARMS if arm[0] == annotator for seed in seeds]
        audit = out / f"audit-{annotator}"
        assert assay(["overopt", *runs, "--ignore", "reward.functions", "--out", str(audit)]) == 0
        documents[annotator] = json.loads((audit / "overoptimisation.json").read_text(encoding="utf-8"))
        for name in ("gold", "proxy"):
            pictures[f"overoptimisation-{annotator}-{name}"] = audit / "charts" / f"{name}.png"
    text = page(documents, list(pictures), options.seeds)
    print(text)
    if options.page:
        options.page.write_text(text, encoding="utf-8")
        for name, file in pictures.items():
            shutil.copy(file, options.page.parent / "images" / f"{name}.png")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
