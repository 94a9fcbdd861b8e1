"""RLHF on a biased and on an unbiased annotator, with and without a KL penalty: when does a reward stop meaning much?

    python benchmarks/overoptimisation.py --out runs/overoptimisation

From one base: responses, preferences of a simulated annotator, a reward model, and PPO on it, for several coefficients
of the KL penalty and none; for each seed its own preferences, reward model and policy. The dials stand below and were
fixed on seed 100 (`--seeds 1 --first-seed 100`) before these ran. The unbiased annotator is the control, also at three
times the steps. Runs are made side by side, one thread each; stopped, it continues where it was. Each annotator's
policies are audited by `assay overopt`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from arms import finish, side_by_side

from assay.cli.main import run as assay

ANNOTATORS = {"biased": {"right": 4.0, "longer": 0.1}, "unbiased": {"right": 4.0}}
"""Both like right responses; one of them likes long ones too, by a tenth of a nat a token."""
ARMS = (("biased", 0.0, 20), ("biased", 0.2, 20), ("biased", 0.5, 20), ("unbiased", 0.0, 20), ("unbiased", 0.0, 60))
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs what is missing, then audits all policies together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs/overoptimisation"))
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
    for annotator in ANNOTATORS:
        runs = [str(policy_run(*arm, seed, out)) for arm in ARMS if arm[0] == annotator for seed in seeds]
        assert assay(["overopt", *runs, "--ignore", "reward.functions", "--out", str(out / f"audit-{annotator}")]) == 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
