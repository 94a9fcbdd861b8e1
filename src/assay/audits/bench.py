"""A base and its tuned models on several tasks: what rose, what fell, what transfers (docs/bench.md).

Findings of every task in, the summary of `bench.json` out. "Rose" and "fell" are said of pass@1 where Holm's correction
over every comparison of the bench leaves p below 5 %, unless the interval lies within the margin: that is "no change";
all else cannot be told. A rise or fall whose estimate lies within the margin is called slight.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from assay import __version__
from assay.audits.boundary import UNKNOWN_LIMIT
from assay.audits.compare import rounded
from assay.audits.verdict import EXTENDED, MARGIN, NARROWED, SHARPENED, Change
from assay.stats import LEVEL, Answers, holm, sign_flips

SCHEMA = "assay.bench/1"
ROSE, FELL, NO_CHANGE, CANNOT_TELL = "rose", "fell", "no change", "cannot be told"
CHANGES = (ROSE, FELL, NO_CHANGE, CANNOT_TELL)
TRAINED_ON, RELATED, NOT_TRAINED_ON, NOT_KNOWN = "trained on", "related", "not trained on", "not known"
ALPHA = 0.05
TRUNCATED = 0.05  # above this share of responses cut off, a note says so
SAME_PROBLEMS = {"math500": "math"}
"""Sets that are part of another one, and so are related to it."""
METHOD = (
    "Differences of pass@1 and pass@K, paired over all problems of a task: studentised sign-flip p-values and 95 % "
    f"intervals; no change: the interval within {MARGIN} either way; else rose and fell: p below .05 after Holm's "
    f"correction over all comparisons of pass@1 in the bench, slightly where the estimate is within {MARGIN}. Verdicts "
    "are those of each task's own audit: on the problems that cannot be guessed, not corrected over tasks"
)


@dataclass(frozen=True, slots=True)
class Benched:
    """One task of a bench: what it is called there, its spec, its folder, how its base was sampled, its findings."""

    task: str
    spec: str
    folder: str
    sampling: Mapping[str, Any]
    findings: Mapping[str, Any]


def summarise(benched: Sequence[Benched], trained_on: Mapping[str, Sequence[str] | None]) -> dict[str, Any]:
    """The document `bench.json`.

    `trained_on` has the specs of the tasks that each tuned model was trained on, None where that is not known; its keys
    are the labels of the tuned models, in order.
    """
    pairs = [(each, label) for each in benched for label in trained_on]
    changes = [_changes(each.findings["comparisons"][label], each.findings["settings"]["K"]) for each, label in pairs]
    adjusted = holm([at_1.p_value for at_1, _ in changes])
    compared: dict[str, dict[str, Any]] = {each.task: {} for each in benched}
    for (each, label), (at_1, at_K), p_value in zip(pairs, changes, adjusted, strict=True):
        of_audit = each.findings["comparisons"][label]
        change = _decide(at_1, p_value, _unknown(each, label))
        compared[each.task][label] = {
            "relation": relation(each.spec, trained_on[label]),
            "change": change,
            "slight": change in (ROSE, FELL) and abs(at_1.estimate) < MARGIN,
            "pass_at_1": asdict(at_1),
            "p_holm": p_value,
            "pass_at_K": asdict(at_K),
            "verdict": of_audit["verdict"],
            "why": of_audit["why"],
        }
    tasks = [_task(each, compared[each.task]) for each in benched]
    document: dict[str, Any] = rounded(
        {
            "schema": SCHEMA,
            "assay_version": __version__,
            "models": list(benched[0].findings["models"]),
            "trained_on": {label: None if specs is None else list(specs) for label, specs in trained_on.items()},
            "summary": {label: _summary(label, tasks, trained_on[label]) for label in trained_on},
            "tasks": tasks,
            "notes": [*_guess_notes(tasks), *_notes(benched)],
            "settings": {"level": LEVEL, "alpha": ALPHA, "margin": MARGIN, "comparisons": len(pairs), "method": METHOD},
        }
    )
    return document


def relation(spec: str, trained_on: Sequence[str] | None) -> str:
    """What a task is to the training: the same spec; the same name or set with other options; neither; not known."""
    if trained_on is None:
        return NOT_KNOWN
    if spec in trained_on:
        return TRAINED_ON
    return RELATED if _family(spec) in map(_family, trained_on) else NOT_TRAINED_ON


def _family(spec: str) -> str:
    name = spec.split(":")[0]
    return SAME_PROBLEMS.get(name, name)


def _changes(comparison: Mapping[str, Any], K: int) -> tuple[Change, Change]:
    """pass@1 and pass@K over all problems, with the intervals that the audit gives them."""
    rows = comparison["per_problem"]
    base, tuned = (
        Answers(np.array([row[f"n_{who}"] for row in rows]), np.array([row[f"correct_{who}"] for row in rows]))
        for who in ("base", "tuned")
    )
    curves = [(base.pass_at_k(k), tuned.pass_at_k(k)) for k in (1, K)]
    flips = sign_flips(np.column_stack([after - before for before, after in curves]))
    critical_K, p_values = flips.critical(), flips.p_values()
    found = []
    for column, (before, after) in enumerate(curves):
        interval = flips.interval(column, float(critical_K[column]))
        assert interval.low is not None and interval.high is not None
        means = float(before.mean()), float(after.mean())
        found.append(Change(*means, interval.estimate, interval.low, interval.high, float(p_values[column])))
    return found[0], found[1]


def _decide(at_1: Change, p_value: float, unknown: float) -> str:
    if unknown > UNKNOWN_LIMIT:
        return CANNOT_TELL
    if at_1.low > -MARGIN and at_1.high < MARGIN:
        return NO_CHANGE
    if p_value < ALPHA and at_1.estimate:
        return ROSE if at_1.estimate > 0 else FELL
    return CANNOT_TELL


def _unknown(each: Benched, label: str) -> float:
    """The larger share of responses that could not be judged, of the base's and the tuned model's."""
    sources = each.findings["settings"]["models"]
    return max(sources[name]["unknown_share"] for name in (each.findings["models"][0], label))


def _task(each: Benched, comparisons: Mapping[str, Any]) -> dict[str, Any]:
    settings = each.findings["settings"]
    floor = None if each.findings["guess_floor"] is None else each.findings["guess_floor"]["1"]
    reached = {label: curve["1"]["estimate"] for label, curve in each.findings["pass_at_k"].items()}
    names = (
        "judge",
        "problems_hash",
        "data_hash",
        "wording",
        "max_new_tokens",
        "temperature",
        "top_p",
        "seed",
        "template",
    )
    shown = ("model", "unknown_share", "truncated_share", "counts_sha256")
    return {
        "task": each.task,
        "folder": each.folder,
        "problems": settings["problems"],
        "verdict_problems": settings["verdict_problems"],
        "n": settings["n"],
        "K": settings["K"],
        "guess_floor_at_1": floor,
        "below_guessing": [label for label, value in reached.items() if floor is not None and value < floor],
        **{name: each.sampling.get(name) for name in names},
        "models": {label: {key: source[key] for key in shown} for label, source in settings["models"].items()},
        "comparisons": comparisons,
        "notes": settings["notes"],
    }


def _guess_notes(tasks: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Which models reach less than blind guessing, and so show nothing of the task yet."""
    for each in tasks:
        if each["below_guessing"]:
            yield (
                f"{each['task']}: pass@1 of {_listed(each['below_guessing'])} is below what guessing reaches "
                f"({each['guess_floor_at_1']:.3f})."
            )


def _notes(benched: Sequence[Benched]) -> Iterable[str]:
    """What a reader should know before believing a number: cut-off and unjudged responses, notes of the audits."""
    for each in benched:
        for label, source in each.findings["settings"]["models"].items():
            for key, limit, what in (
                ("unknown_share", UNKNOWN_LIMIT, "could not be judged, so that nothing is said of it"),
                ("truncated_share", TRUNCATED, "were cut off by the length limit"),
            ):
                if source[key] is not None and source[key] > limit:
                    yield f"{each.task}: {source[key]:.1%} of the responses of {label} {what}."
        yield from (f"{each.task}: {note}" for note in each.findings["settings"]["notes"])


def _summary(label: str, tasks: Sequence[Mapping[str, Any]], trained_on: Sequence[str] | None) -> dict[str, Any]:
    """The tasks of each change, and what they say in sentences."""
    mine = {each["task"]: each["comparisons"][label] for each in tasks}
    lists = {change: [task for task, each in mine.items() if each["change"] == change] for change in CHANGES}
    starts = {
        ROSE: "pass@1 rose on",
        FELL: "pass@1 fell on",
        NO_CHANGE: f"pass@1 changed by less than {MARGIN} on",
        CANNOT_TELL: "These data cannot tell whether pass@1 changed on",
    }
    sentences = [
        f"{starts[change]} {_listed(_told(task, mine[task]) for task in found)}."
        for change, found in lists.items()
        if found
    ]
    sentences += _verdict_sentence(tasks, mine)
    related = _groups(mine, RELATED)
    if related:
        sentences.append(f"Other rungs or options of what it was trained on: {related}.")
    return {
        **{change.replace(" ", "_"): found for change, found in lists.items()},
        "sentences": sentences,
        "transfer": _transfer(label, mine, trained_on),
    }


def _verdict_sentence(tasks: Sequence[Mapping[str, Any]], mine: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What the audits of the tasks say beside pass@1, with the difference of pass@K."""
    told = [
        f"{each['task']} {verdict} (pass@{each['K']} {_interval(mine[each['task']]['pass_at_K'])})"
        for each in tasks
        if (verdict := mine[each["task"]]["verdict"]) in (EXTENDED, NARROWED, SHARPENED)
    ]
    return [f"By the tasks' own audits, not corrected for their number: {_listed(told)}."] if told else []


def _transfer(label: str, mine: Mapping[str, Mapping[str, Any]], trained_on: Sequence[str] | None) -> str:
    """What the tasks that were not trained on say, and only these."""
    if trained_on is None:
        return f"It is not known what {label} was trained on, so nothing is said about transfer; --trained-on names it."
    others = {task: each["change"] for task, each in mine.items() if each["relation"] == NOT_TRAINED_ON}
    taught = f"what {label} was trained on ({_listed(trained_on)})"
    if not others:
        return f"No task here is other than {taught}, so nothing is said about transfer."
    rose, fell, unclear = (
        [task + _slightly(mine[task]) for task, change in others.items() if change == kind]
        for kind in (ROSE, FELL, CANNOT_TELL)
    )
    count = f"{len(others)} {'task' if len(others) == 1 else 'tasks'} other than {taught}"
    if rose:
        verdict = f"pass@1 rose on {len(rose)}: the training transfers to {_listed(rose)}."
    else:
        verdict = "pass@1 rose on none: " + ("transfer cannot be told." if unclear else "no transfer is seen.")
    for what, found in (("It fell on", fell), ("Too little is known of", unclear)):
        if found:
            verdict += f" {what} {_listed(found)}."
    return f"Of {count}, {verdict}"


def _groups(mine: Mapping[str, Mapping[str, Any]], wanted: str) -> str:
    """'compose:depth=3 fell, compose:edge cannot be told' for the tasks of one relation."""
    return ", ".join(f"{task} {in_words(each)}" for task, each in mine.items() if each["relation"] == wanted)


def in_words(comparison: Mapping[str, Any]) -> str:
    """'fell slightly': the change, and whether its estimate lies within the margin."""
    return f"{comparison['change']}{_slightly(comparison)}"


def _slightly(comparison: Mapping[str, Any]) -> str:
    return " slightly" if comparison["slight"] else ""


def _told(task: str, comparison: Mapping[str, Any]) -> str:
    return f"{task}{_slightly(comparison)} ({_interval(comparison['pass_at_1'])})"


def _interval(change: Mapping[str, float]) -> str:
    return f"{change['estimate']:+.3f}, 95 % interval {change['low']:+.3f} to {change['high']:+.3f}"


def _listed(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
