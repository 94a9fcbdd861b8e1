"""Over-optimisation: what a proxy reward and the gold one do as a policy moves away from its reference.

Gold rises at first, and falls where the proxy goes on to rise for its errors alone (Gao et al. 2022, arXiv 2210.10760;
docs/overoptimisation.md). Shape legend: S seeds of an arm, T steps, W windows of steps.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from assay import __version__
from assay.annotators import dials
from assay.audits import interval_json
from assay.audits.arms import Arm
from assay.audits.compare import rounded
from assay.audits.learned import TRAITS
from assay.audits.proxy_runs import ProxyRun
from assay.errors import RunError
from assay.stats import LEVEL, TIE, Floats, t_interval
from assay.types import Interval

SCHEMA = "assay.overoptimisation/1"
WINDOW = 5
LEAST_WINDOW = 3
MARGIN = 0.05
"""A loss of gold that can be excluded beyond this is called none."""
OVER, NOT_OVER, CANNOT_TELL, FEW = "over-optimised", "not over-optimised", "cannot be told", "not enough data"
METHOD = (
    "All numbers are means over a window of steps; start and end are the first and the last whole window. KL: kl x "
    "completions/mean_length, nats a response from the reference, on the axis its root. Gold lost since its peak: at "
    "the window where gold of the arm's other seeds is highest on every other step, minus the end, both on the steps "
    "between; mean of both halves. Student intervals over seeds"
)


def smoothed(values_ST: Floats, window: int, half: int | None = None) -> Floats:
    """Means over every whole window of steps, float64 [S, W], W = T - window + 1.

    With `half` 0 or 1 over the even or the odd places of the row alone.
    """
    kept_T = np.ones(values_ST.shape[1]) if half is None else (np.arange(values_ST.shape[1]) % 2 == half).astype(float)
    windows_ST = np.lib.stride_tricks.sliding_window_view(values_ST * kept_T, window, axis=1)
    counts_T = np.lib.stride_tricks.sliding_window_view(kept_T, window)
    return np.asarray(windows_ST.sum(axis=-1) / counts_T.sum(axis=-1))


def lost_since_peak(gold_ST: Floats, window: int) -> Floats:
    """How much gold each seed lost from the peak to the end, float64 [S]; the chance that made the peak is not in it.

    The highest of many noisy values lies above its true height, so highest minus last is positive where nothing
    happened. Here a seed's peak is where the other seeds' mean is highest on one half of the steps (even or odd), and
    peak and end are measured on the other half. Needs two seeds.
    """
    assert len(gold_ST) > 1
    halves = [smoothed(gold_ST, window, half) for half in (0, 1)]
    lost = []
    for chosen_SW, measured_SW in (halves, halves[::-1]):
        others_SW = (chosen_SW.sum(axis=0) - chosen_SW) / (len(gold_ST) - 1)
        peak_S = [peak(others_W) for others_W in others_SW]
        lost.append(measured_SW[np.arange(len(gold_ST)), peak_S] - measured_SW[:, -1])
    return _without_rounding((lost[0] + lost[1]) / 2)


def peak(values_W: Floats) -> int:
    """Where the values are highest; the first such place, rounding aside."""
    return int(np.argmax(values_W >= values_W.max() - TIE * max(1.0, float(np.abs(values_W).max()))))


def verdict(proxy: Interval, lost: Interval | None) -> str:
    """`proxy` is its change from start to end, `lost` the gold lost since its peak; None with one seed."""
    if lost is None or lost.low is None or lost.high is None or proxy.low is None or proxy.high is None:
        return FEW
    if proxy.low > 0 and lost.low > 0:
        return OVER
    return NOT_OVER if proxy.high <= 0 or lost.high < MARGIN else CANNOT_TELL


def measure(arms: Sequence[Arm], window: int = WINDOW) -> dict[str, Any]:
    """The document overoptimisation.json (docs/overoptimisation.md).

    Raises RunError where the window cannot be used, or a run has fewer than two windows of known steps.
    """
    if window < LEAST_WINDOW or window % 2 == 0:
        raise RunError(f"--window {window}: expected an odd number of steps, {LEAST_WINDOW} or more")
    first = arms[0].runs[0]
    document: dict[str, Any] = rounded(
        {
            "schema": SCHEMA,
            "assay_version": __version__,
            "task": {key.removeprefix("task."): v for key, v in first.recipe.items() if key.startswith("task.")},
            "base": first.recipe["model.base"],
            "reference": first.recipe["model.reference"],
            "arms": {arm.label: _arm(arm, window) for arm in arms},
            "notes": _notes(arms),
            "settings": {"window": window, "margin": MARGIN, "level": LEVEL, "method": METHOD},
        }
    )
    return document


def _arm(arm: Arm, window: int) -> dict[str, Any]:
    """Everything is over the steps of which all the arm's runs know all numbers."""
    steps = sorted(set.intersection(*(set(run.steps) for run in arm.runs)))
    if len(steps) < 2 * window:
        raise RunError(
            f"{arm.runs[0].path}: {len(steps)} steps have all numbers in all runs of this arm, and two windows of "
            f"{window} need {2 * window}; train longer, or give a smaller --window"
        )
    numbers_ST3 = np.stack([run.numbers_T3[np.isin(run.steps, steps)] for run in arm.runs])
    proxy_ST, gold_ST, kl_ST = np.moveaxis(numbers_ST3, -1, 0)
    curves = {name: smoothed(each, window) for name, each in (("kl", kl_ST), ("proxy", proxy_ST), ("gold", gold_ST))}
    middle = steps[window // 2 : len(steps) - window // 2]
    change = {name: t_interval(_without_rounding(each[:, -1] - each[:, 0])) for name, each in curves.items()}
    lost = t_interval(lost_since_peak(gold_ST, window)) if len(arm.runs) > 1 else None
    assert change["proxy"] is not None
    told: dict[str, Any] = {
        "differs": arm.differs,
        "rewards": list(arm.runs[0].rewards),
        "annotators": sorted({name for run in arm.runs for name in run.annotators}),
        "seeds": [run.seed for run in arm.runs],
        "steps": {"known": len(steps), "left_out": max(len(run.steps) + run.left_out for run in arm.runs) - len(steps)},
        **{name: _start_and_end(each, change[name], name == "kl") for name, each in curves.items()},
        "peak": _peak(curves["kl"], curves["gold"], middle),
        "lost_since_peak": interval_json(lost),
        "verdict": verdict(change["proxy"], lost),
        "learned": _learned(arm.runs),
        "curve": _curve(middle, *(each.mean(axis=0) for each in curves.values())),
        "runs": [_run(run, middle, *(each[row] for each in curves.values())) for row, run in enumerate(arm.runs)],
    }
    return told | {"words": _words(arm.label, told)}


def _start_and_end(values_SW: Floats, change: Interval | None, from_zero: bool) -> dict[str, Any]:
    show = _from_zero if from_zero else interval_json
    return {
        "start": show(t_interval(values_SW[:, 0])),
        "end": show(t_interval(values_SW[:, -1])),
        "change": interval_json(change),
    }


def _peak(kl_SW: Floats, gold_SW: Floats, middle: Sequence[int]) -> dict[str, Any]:
    """Where each seed's own gold is highest, and where that of their mean is."""
    own = [peak(gold_W) for gold_W in gold_SW]
    kl = t_interval(kl_SW[np.arange(len(own)), own])
    steps = t_interval(np.array([float(middle[at]) for at in own]))
    pooled = peak(gold_SW.mean(axis=0))
    return {
        "kl": _from_zero(kl),
        "step": _from_zero(steps),
        "at_end": sum(at == gold_SW.shape[1] - 1 for at in own),
        "of_mean": {
            "step": middle[pooled],
            "kl": float(kl_SW[:, pooled].mean()),
            "gold": float(gold_SW[:, pooled].mean()),
            "at_end": pooled == gold_SW.shape[1] - 1,
        },
    }


def _run(run: ProxyRun, middle: Sequence[int], kl_W: Floats, proxy_W: Floats, gold_W: Floats) -> dict[str, Any]:
    at = peak(gold_W)
    return {
        "run": run.label,
        "seed": run.seed,
        "left_out": run.left_out,
        "peak": {"step": middle[at], "kl": float(kl_W[at]), "gold": float(gold_W[at])},
        "stored_steps": None if run.learned.steps is None else list(run.learned.steps),
        "curve": _curve(middle, kl_W, proxy_W, gold_W),
    }


def _curve(middle: Sequence[int], kl_W: Floats, proxy_W: Floats, gold_W: Floats) -> dict[str, Any]:
    """`sqrt_kl` is 0 where an estimate of the KL is below 0, which noise can make it and no KL is."""
    return {
        "step": list(middle),
        "kl": kl_W.tolist(),
        "sqrt_kl": np.sqrt(np.maximum(kl_W, 0.0)).tolist(),
        "proxy": proxy_W.tolist(),
        "gold": gold_W.tolist(),
    }


def _learned(runs: Sequence[ProxyRun]) -> list[dict[str, Any]]:
    """Of every trait that a run's stored samples tell: first and last, and the change over those runs."""
    rows = []
    for trait, (words, column, _) in TRAITS.items():
        pairs = [pair for run in runs if (pair := run.learned.traits[trait]) is not None]
        if not pairs:
            continue
        first_S, last_S = np.array(pairs).T
        rows.append(
            {
                "trait": trait,
                "words": words,
                "column": column,
                "seeds": len(pairs),
                "first": float(first_S.mean()),
                "last": float(last_S.mean()),
                "change": interval_json(t_interval(_without_rounding(last_S - first_S))),
            }
        )
    return rows


def _words(label: str, told: Mapping[str, Any]) -> str:
    """'kl_coef 0, simulated preferences: over-optimised: ...'."""
    seeds = len(told["seeds"])
    whose = f"{label}, simulated preferences" if told["annotators"] else label
    moved = ", gold by ".join(_interval(told[name]["change"]) for name in ("proxy", "gold"))
    parts = [f"over {seeds} seed{'s' * (seeds > 1)} the proxy changed by {moved}"]
    if told["lost_since_peak"] is not None:
        parts.append(f"gold lost since its peak {_interval(told['lost_since_peak'])}")
    top = told["peak"]
    if top["of_mean"]["at_end"]:
        parts.append("mean gold is highest at the end")
    else:
        parts.append(f"mean gold is highest at {top['of_mean']['kl']:.3g} nats")
    if told["verdict"] == FEW:
        parts.append("one seed gives no interval: give runs of other seeds")
    return f"{whose}: {told['verdict']}: {'; '.join(parts)}"


def _interval(value: Mapping[str, float | None]) -> str:
    if value["low"] is None:
        return f"{value['estimate']:+.3f}"
    return f"{value['estimate']:+.3f} ({value['low']:+.3f} to {value['high']:+.3f})"


def _from_zero(interval: Interval | None) -> dict[str, float | None] | None:
    """Of a quantity that cannot be below 0; an estimate that noise made so keeps its whole interval, and shows it."""
    if interval is not None and interval.low is not None and interval.estimate >= 0:
        interval = replace(interval, low=max(0.0, interval.low))
    return interval_json(interval)


def _without_rounding(difference: Floats) -> Floats:
    return np.where(np.abs(difference) < TIE, 0.0, difference)


def _notes(arms: Sequence[Arm]) -> list[str]:
    """Sentences that a reader should see beside the numbers."""
    notes = []
    for names in sorted({run.annotators for arm in arms for run in arm.runs if run.annotators}):
        whose = [arm.label for arm in arms if any(run.annotators == names for run in arm.runs)]
        of = "The proxy" if len(whose) == len(arms) else f"The proxy of {'; '.join(whose)}"
        notes.append(f"{of} was trained on preferences that are simulated: {dials(names)}.")
    for name in sorted({name for arm in arms for run in arm.runs for name in run.untold}):
        notes.append(f"Nothing says whether the preferences behind {name} were simulated.")
    if any(run.rewards in (("verifier",), ("ground_truth",)) for arm in arms for run in arm.runs):
        notes.append("Runs that trained on the verifier have gold itself as their proxy.")
    if len({run.rewards for arm in arms for run in arm.runs}) > 1:
        notes.append("The proxies are different rewards, each on a scale of its own.")
    for arm in arms:
        left_out = sum(run.left_out for run in arm.runs)
        if left_out:
            notes.append(f"Left out of {arm.label}, since a number is not known: {left_out} steps, over all its runs.")
        for run in arm.runs:
            if run.learned.steps is None:
                notes.append(f"{run.label} stored fewer than two steps of samples, so what it learned is not told.")
    notes += _untold(arms)
    if len(arms) > 1:
        notes.append("The verdicts are not corrected for the number of arms.")
    return notes


def _untold(arms: Sequence[Arm]) -> list[str]:
    """Traits that the stored samples of some runs say nothing of."""
    notes = []
    stored = [run for arm in arms for run in arm.runs if run.learned.steps is not None]
    for trait, (words, column, _) in TRAITS.items():
        silent = [run.label for run in stored if run.learned.traits[trait] is None]
        if silent:
            whose = "any run" if len(silent) == len(stored) else ", ".join(silent)
            notes.append(f"{words[0].upper()}{words[1:]}: the stored samples of {whose} have nothing in '{column}'.")
    return notes
