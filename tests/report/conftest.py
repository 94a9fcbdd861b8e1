"""Findings and runs to draw, shaped as docs/findings_schema.md and the metrics of a run say."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from assay.store import Run

HOSTILE = '</script><script>alert(1)</script><!-- <img src=x onerror="alert(2)">'


def interval(estimate: float, width: float = 0.03) -> dict[str, float]:
    return {"estimate": estimate, "low": estimate - width, "high": estimate + width}


def pass_at_k(n: int, c: int, k: int) -> float:
    wrong = 1.0
    for tries in range(k):
        wrong *= max(0, n - c - tries) / (n - tries)
    return 1 - wrong


def k_table(counts: list[int], n: int, ks: list[int]) -> dict[str, dict[str, float]]:
    return {str(k): interval(sum(pass_at_k(n, c, k) for c in counts) / len(counts)) for k in ks}


def make_findings(
    models: tuple[str, ...] = ("base", "tuned"), n: int = 32, problems: int = 40, responses: bool = True
) -> dict[str, Any]:
    """Findings of an audit: every tuned model is surer than the base and reaches a little less."""
    draw = random.Random(7)
    ks = [k for k in (1, 2, 4, 8, 16, 32, 64, 128) if k < n] + [n]
    chances = [max(0.0, draw.random() ** 3 - 0.05) for _ in range(problems)]
    counts = {models[0]: [sum(draw.random() < p for _ in range(n)) for p in chances]}
    for label in models[1:]:
        surer = [0.0 if p < 0.03 else min(1.0, p * 2.2) for p in chances]
        counts[label] = [sum(draw.random() < p for _ in range(n)) for p in surer]
    tables = {label: k_table(counts[label], n, ks) for label in models}
    comparisons = {label: comparison(models[0], label, counts, tables, n, ks, responses) for label in models[1:]}
    first = comparisons[models[1]]
    return {
        "schema": "assay.findings/1",
        "assay_version": "0.1.0",
        "models": list(models),
        "pass_at_k": tables,
        "guess_floor": {str(k): 1 - (1 - 0.0003) ** k for k in ks},
        "comparisons": comparisons,
        "crossover": first["crossover"],
        "solvable": first["solvable"],
        "verdict": first["verdict"],
        "findings": [finding(label) for label in models[1:]],
        "accuracy_histogram": {label: histogram(counts[label], n) for label in models},
        "length": {label: lengths(30 + 9 * at) for at, label in enumerate(models)}
        if responses
        else dict.fromkeys(models),
        "strategy": {label: strategies(0.3 + 0.2 * at) for at, label in enumerate(models)}
        if responses
        else dict.fromkeys(models),
        "perplexity": {label: perplexity(1.6 - 0.1 * at) for at, label in enumerate(models)}
        if responses
        else dict.fromkeys(models),
        "examples": [
            example(kind, models[0], label, n) for label in models[1:] for kind in ("base_only", "gained", "neither")
        ]
        if responses
        else [],
        "settings": settings(models, n, problems, ks),
    }


def comparison(
    base: str, tuned: str, counts: dict[str, list[int]], tables: dict[str, Any], n: int, ks: list[int], responses: bool
) -> dict[str, Any]:
    pairs = list(zip(counts[base], counts[tuned], strict=True))
    sets = {
        "both": sum(b > 0 and t > 0 for b, t in pairs),
        "base_only": sum(b > 0 and t == 0 for b, t in pairs),
        "tuned_only": sum(b == 0 and t > 0 for b, t in pairs),
        "neither": sum(b == 0 and t == 0 for b, t in pairs),
    }
    half = max(1, n // 2)
    rows = [
        {"problem": f"problem-{at:03d}", "n_base": n, "correct_base": b, "n_tuned": n, "correct_tuned": t}
        for at, (b, t) in enumerate(pairs)
    ]
    only = {
        "base_only": [row | {"p_value": 0.01} for row in rows if row["correct_base"] and not row["correct_tuned"]],
        "tuned_only": [row | {"p_value": 0.4} for row in rows if row["correct_tuned"] and not row["correct_base"]],
    }
    difference = {k: interval(tables[tuned][k]["estimate"] - tables[base][k]["estimate"], 0.04) for k in tables[base]}
    moved = {"base": 0.2, "tuned": 0.35, "estimate": 0.15, "low": 0.11, "high": 0.19, "p_value": 0.0001}
    return {
        "base": base,
        "tuned": tuned,
        "verdict": "sharpened",
        "why": f"pass@1 rose from 0.200 to 0.350 (+0.150, 95 % interval +0.110 to +0.190), and pass@{half} did not clearly change.",
        "overturn": f"Harder problems, or more than {n} tries, on which the tuned model's pass@k rises above the base's.",
        "evidence": {
            "problems": len(pairs),
            "n": n,
            "K": half,
            "level": 0.95,
            "margin": 0.02,
            "pass_at_1": moved,
            "pass_at_K": moved | {"estimate": -0.01, "low": -0.031, "high": 0.012, "p_value": 0.31},
            "method": "paired over problems: sign-flip permutation of studentised differences",
        },
        "crossover": {"k": 11, "low": 6, "high": None},
        "crossover_reason": "From k = 11 on the base is no longer behind.",
        "solvable": sets,
        "solvable_test": {
            "base_only": {"expected": 1.5, "p_value": 0.02, "estimated_lost": 3.0},
            "tuned_only": {"expected": 1.1, "p_value": None, "estimated_lost": 0.0},
            "method": "pooled",
        },
        "solvable_problems": only,
        "support": {"preserved": sets["both"], "shrunk": sets["base_only"], "expanded": sets["tuned_only"], "out": sets["neither"],
                    "SRR": 0.9, "NDR": 0.02, "SDS": None, "NSCR": -0.05},
        "pass_at_k_difference": difference,
        "sampling_efficiency_gap": interval(0.3) | {"k": ks[-1]},
        "on_verdict_problems": None,
        "per_problem": rows,
        "strategy": {
            "gain": 0.15,
            "shares": {"code": {"base": 0.3, "tuned": 0.5, "change": interval(0.2)}},
            "contributions": [{"from": "prose", "to": "code", "weight": 0.2, "contribution": 0.1, "share": 0.66},
                              {"from": "code", "to": "code", "weight": 0.3, "contribution": 0.05, "share": None}],
            "method": "C_d of arXiv 2506.10947",
        } if responses else None,
        "length": {"right": interval(8.0, 2), "wrong": interval(12.0, 2), "all": interval(9.0, 2), "from_wrong": 5.0,
                   "from_right": 5.5, "from_accuracy": -1.5, "share_from_wrong": 0.55} if responses else None,
        "perplexity": {"base_on_base": interval(1.6), "base_on_tuned": interval(1.5), "ratio": 0.94} if responses else None,
    }  # fmt: skip


def histogram(counts: list[int], n: int) -> list[dict[str, Any]]:
    names = ["0", "(0,.1]", *(f"(.{low},.{low + 1}]" for low in range(1, 9)), "(.9,1)", "1"]
    found = [0] * 12
    for c in counts:
        found[0 if c == 0 else 11 if c == n else min(10, 1 + (10 * c - 1) // n)] += 1
    return [{"bin": name, "problems": k, "share": k / len(counts)} for name, k in zip(names, found, strict=True)]


def lengths(mean: float) -> dict[str, Any]:
    return {
        "right": interval(mean, 2),
        "wrong": interval(mean + 6, 3),
        "all": interval(mean + 3, 2),
        "truncated": 0.012,
        "responses": 1280,
    }


def strategies(code: float) -> list[dict[str, Any]]:
    return [
        {"strategy": "code", "responses": 500, "share": interval(code), "accuracy": interval(0.4)},
        {
            "strategy": "prose, step by step with reflection",
            "responses": 700,
            "share": interval(0.95 - code),
            "accuracy": interval(0.2),
        },
        {"strategy": "unlabelled", "responses": 12, "share": interval(0.05, 0.01), "accuracy": None},
    ]


def perplexity(estimate: float) -> dict[str, Any]:
    return interval(estimate, 0.02) | {
        "under": "base (0f3a)",
        "responses": 1280,
        "right": estimate - 0.1,
        "wrong": None,
    }


def example(kind: str, base: str, tuned: str, n: int) -> dict[str, Any]:
    def side(label: str, right: bool) -> dict[str, Any]:
        answer = {"member": 3, "response": f"let x = f(g('abc'))\nx = 'cab' {HOSTILE}", "answer": "cab", "reason": None,
                  "strategy": "code", "length_tokens": 31, "stop": "eos", "logprob": -7.5}  # fmt: skip
        wrong = answer | {
            "response": "It is " + "very " * 60 + "long.",
            "reason": "another string",
            "answer": None,
            "stop": "length",
        }
        return {
            "label": label,
            "n": n,
            "correct": 3 if right else 0,
            "right": answer if right else None,
            "wrong": wrong,
        }

    base_right = kind in ("base_only", "gained")
    return {"kind": kind, "comparison": tuned, "problem": f"compose/{kind}/4f1c", "prompt": "f(g('abc'))?\nAnswer:",
            "base": side(base, base_right), "tuned": side(tuned, kind == "gained")}  # fmt: skip


def finding(label: str) -> dict[str, Any]:
    return {"audit": "boundary", "model": label, "claim": "pass@1 rises", "verdict": "sharpened", "estimate": 0.15, "low": 0.11,
            "high": None, "n": 40, "method": "sign-flip permutation", "evidence": []}  # fmt: skip


def settings(models: tuple[str, ...], n: int, problems: int, ks: list[int]) -> dict[str, Any]:
    source = {"file": "base.parquet", "format": "responses", "model": "organism", "rows": n * problems, "problems": problems,
              "n_min": n, "n_max": n, "unknown": 0, "unknown_share": 0.0, "truncated_share": 0.012, "temperature": 1.0,
              "top_p": 1.0, "top_k": 0, "max_new_tokens": 64, "template_hash": None, "seed": 0, "judge": "compose@1",
              "counts_sha256": "ab" * 32}  # fmt: skip
    return {"n": n, "K": max(1, n // 2), "k": ks, "problems": problems, "verdict_problems": problems, "left_out_guessable": 0,
            "left_out_unmatched": 0, "left_out_unjudged": 0, "guess_floor_known": True, "task": "compose:edge", "level": 0.95,
            "resamples": 9999, "seed": 1, "different_sampling": [], "models": {label: dict(source) for label in models}}  # fmt: skip


@pytest.fixture
def findings() -> dict[str, Any]:
    return make_findings()


def metrics_rows(steps: int) -> list[dict[str, Any]]:
    """What a run logs: every tenth step is evaluated; entropy is unknown at step 3; the learning rate warms up."""
    draw = random.Random(3)
    rows: list[dict[str, Any]] = []
    for step in range(steps):
        share = 0.15 + 0.5 * step / (step + 20) + 0.03 * draw.random()
        row = {"step": step, "reward": share, "reward_std": 0.3, "frac_reward_zero_std": 0.2 + share / 3,
               "frac_groups_all_right": share / 4, "rewards/true/mean": share, "unknown": 0,
               "completions/mean_length": 40 + step / 4, "completions/min_length": 12, "completions/max_length": 64,
               "completions/clipped_ratio": 0.02, "entropy": None if step == 3 else 0.9 - 0.3 * share, "kl": 0.001 * step,
               "clip_ratio/low_mean": 0.001, "clip_ratio/high_mean": 0.002, "clip_ratio/region_mean": 0.003,
               "grad_norm": 0.5 + draw.random() / 4, "loss": 0.01 * (draw.random() - 0.5), "learning_rate": 1e-4 * min(1, step / 5),
               "num_tokens": 20000, "step_time": 3.0 + draw.random(), "time/rollout": 1.4, "time/train": 1.5, "time/reward": 0.02,
               "padding_waste": 0.08}  # fmt: skip
        if step % 10 == 0:
            row |= evaluation(share - 0.05)
        rows.append(row)
    return [*rows, {"step": steps, **evaluation(0.5)}]


def evaluation(share: float) -> dict[str, Any]:
    return {"eval/pass@1": share, "eval/low": share - 0.06, "eval/high": share + 0.06, "eval/problems": 64, "eval/samples": 4,
            "eval/mean_length": 44.0, "eval/truncated": 0.01}  # fmt: skip


def make_run(path: Path, steps: int = 40, status: str = "finished") -> Path:
    """A run directory as the trainer leaves it."""
    path.mkdir(parents=True)
    (path / "recipe.toml").write_text(
        'name = "demo"\nsteps = 40\n[model]\nbase = "organism:code"\n[task]\nname = "countdown"\n', encoding="utf-8"
    )
    Run(path).update_manifest(
        status=status, base="organism:code", seed=0, steps=40, versions={"torch": "2.13.0"}, git=None
    )
    rows = metrics_rows(steps)
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "runs" / "demo")
