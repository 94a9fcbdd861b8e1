"""The report of a training run: its curves, finished or not, as one page."""

import json
from pathlib import Path
from typing import Any

from assay.annotators import dials
from assay.files import write_text
from assay.report.cards import Card, Tile, verdict_cards
from assay.report.curves import training_figures
from assay.report.html import render
from assay.report.metrics import Metrics, read_metrics
from assay.report.on_rows import PANELS_OF_ROWS, quality_tables, quality_tiles, read_quality
from assay.report.panels import PANELS
from assay.report.run_facts import RunFacts, read_run_facts
from assay.report.words import NOT_KNOWN, bounds, decimal, plural
from assay.store import Run, annotators_of

FINDINGS_SCHEMA = "assay.findings/1"


def write_training_report(run: Path) -> Path:
    """Writes RUN/report.html from RUN/metrics.jsonl and returns its path.

    The run may be unfinished: the page shows what there is and says what is not. Raises RunError where there is no run,
    or no step of it has been logged.
    """
    facts = read_run_facts(run)
    metrics = read_metrics(Run(run))
    kind = facts.manifest.get("kind", "rl")
    quality = read_quality(Run(run))
    figures = list(training_figures(metrics, PANELS if kind == "rl" else PANELS_OF_ROWS))
    cards, audit_note = _audit(Run(run))
    page = {
        "name": run.resolve().name,
        "status": _status(facts, metrics),
        "notes": [*_simulated(run), *_notes(metrics)],
        "tiles": [*quality_tiles(quality), *_tiles(facts, metrics)],
        "quality": quality_tables(quality),
        "can_be_audited": kind != "reward-model",
        "wide": [figure for figure in figures if figure.wide],
        "small": [figure for figure in figures if not figure.wide],
        "run": facts,
        "cards": cards,
        "audit_note": audit_note,
    }
    path = run / "report.html"
    write_text(path, render("training.html.jinja", figures, page))
    return path


def _status(facts: RunFacts, metrics: Metrics) -> str:
    planned = facts.manifest.get("steps")
    done = (
        f"{metrics.steps_done:,} of {planned:,} steps"
        if isinstance(planned, int)
        else plural(metrics.steps_done, "step")
    )
    status = facts.manifest.get("status")
    if status == "finished":
        return f"finished, {done}"
    return f"not finished, {done} so far"


def _simulated(run: Path) -> list[str]:
    annotators = annotators_of(str(run))
    return [f"The preferences behind this run are simulated: {dials(annotators)}."] if annotators else []


def _notes(metrics: Metrics) -> list[str]:
    """What a reader must know about the log itself."""
    notes = []
    if metrics.torn:
        notes.append(
            "The last line of the log is torn, as a run leaves it that is writing or was stopped; it is left out."
        )
    others = metrics.unreadable - metrics.torn
    if others:
        notes.append(
            f"{plural(others, 'line')} of the log could not be read and {'is' if others == 1 else 'are'} left out."
        )
    unknown = sum(metrics.known("unknown"))
    if unknown:
        notes.append(
            f"{plural(int(unknown), 'response')} could not be judged during training: neither right nor wrong."
        )
    if not any(metrics.known(f"eval/{name}") for name in ("pass@1", "loss", "accuracy")):
        notes.append("No held-out evaluation has been logged: nothing here says how the model does on other problems.")
    return notes


def _tiles(facts: RunFacts, metrics: Metrics) -> list[Tile]:
    seconds = sum(metrics.known("step_time"))
    if metrics.known("trained_tokens"):  # demonstrations, which have no reward
        shown = [
            _course_tile("held-out loss (nats a token)", metrics.known("eval/loss")),
            _course_tile("held-out token accuracy", metrics.known("eval/token_accuracy")),
            _course_tile("loss, training rows (nats a token)", metrics.known("loss")),
        ]
    elif facts.manifest.get("kind") == "reward-model":
        shown = [
            _course_tile("loss, training rows (nats a pair)", metrics.known("loss")),
            _course_tile("accuracy, training rows", metrics.known("accuracy")),
        ]
    else:
        shown = [
            _held_out_tile(metrics),
            _course_tile("reward, training samples", metrics.known("reward")),
            _course_tile("entropy (nats a token)", metrics.known("entropy")),
        ]
    return [
        *shown,
        Tile("time in steps", _duration(seconds) if seconds else NOT_KNOWN, plural(metrics.steps_done, "step")),
    ]


def _held_out_tile(metrics: Metrics) -> Tile:
    points = [point for point in metrics.points("eval/pass@1", "eval/low", "eval/high") if point.y is not None]
    tile = _course_tile("held-out accuracy", [point.y for point in points if point.y is not None])
    if not points:
        return tile
    last, problems = points[-1], metrics.known("eval/problems")
    over = f", {plural(int(problems[-1]), 'problem')}" if problems else ""
    return Tile(
        tile.name, tile.value, f"at step {last.x:g}: {bounds({'low': last.low, 'high': last.high}, decimal)}{over}"
    )


def _course_tile(name: str, values: list[float]) -> Tile:
    if not values:
        return Tile(name, NOT_KNOWN, "not logged")
    if len(values) == 1:
        return Tile(name, decimal(values[0]), "one value so far")
    return Tile(name, f"{decimal(values[0])} → {decimal(values[-1])}", "first and last value")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _audit(run: Run) -> tuple[list[Card], str | None]:
    """The verdict cards of RUN/audit where there is one; else a sentence where what is there cannot be read."""
    path = run.audit / "findings.json"
    if not path.is_file():
        return [], None
    try:
        findings: Any = json.loads(path.read_text(encoding="utf-8"))
        if findings["schema"] != FINDINGS_SCHEMA:
            return [], f"The run's audit is of another version ({findings['schema']}) and not shown here."
        return verdict_cards(findings), None
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [], f"The run's audit/findings.json cannot be read ({error}) and is not shown here."
