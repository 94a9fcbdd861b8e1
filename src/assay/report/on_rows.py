"""What the page of a run on rows shows: curves of a reward model or of fine-tuning, and a reward model's quality."""

import json
from collections.abc import Mapping
from typing import Any

from assay.report.cards import Tile
from assay.report.figure import Table
from assay.report.panels import HELD_OUT, PANELS, Panel, Series
from assay.report.words import bounds, decimal, plural, signed
from assay.store import Run

SHARED = ("grad_norm", "learning_rate", "speed", "padding", "num_tokens")
PANELS_OF_ROWS = (
    Panel(
        "loss",
        "Loss",
        "nats",
        "loss: of each update's rows, before it: of a token in fine-tuning, of a pair in a reward model. "
        "eval/loss: of held-out rows.",
        (Series("loss", "training rows"), Series("eval/loss", "held-out rows", HELD_OUT, dots=True)),
        decimal,
        wide=True,
    ),
    Panel(
        "accuracy",
        "Accuracy",
        "share right",
        "Share of pairs whose preferred response has the higher reward, eval/accuracy with its 95\u202f% interval over "
        "prompts; in fine-tuning eval/token_accuracy, the share of tokens that are the likeliest.",
        (
            Series("accuracy", "training rows"),
            Series("eval/accuracy", "held-out prompts", HELD_OUT, "eval/low", "eval/high", dots=True),
            Series("eval/token_accuracy", "held-out tokens", HELD_OUT, dots=True),
        ),
        decimal,
        ".1f",
        (0.0, 1.0),
        wide=True,
    ),
    *(panel for panel in PANELS if panel.name in SHARED),
)


def read_quality(run: Run) -> Mapping[str, Any]:
    """RUN/quality.json of a finished run that trained a reward model; empty where there is none."""
    found: dict[str, Any] = json.loads(run.quality.read_text(encoding="utf-8")) if run.quality.is_file() else {}
    return found


def quality_tiles(found: Mapping[str, Any]) -> list[Tile]:
    """What a reward model is worth on held-out comparisons."""
    if "accuracy" not in found:
        return []
    over = f"{plural(found['pairs'], 'pair')} of {plural(found['prompts'], 'prompt')}"
    return [
        Tile("held-out accuracy", decimal(found["accuracy"]), f"{bounds(found, decimal)}; {over}"),
        Tile("calibration error", decimal(found["calibration_error"]), f"Brier {decimal(found['brier'])}"),
    ]


def quality_tables(found: Mapping[str, Any]) -> list[tuple[str, Table]]:
    """Calibration, and what the reward goes with, each with its title."""
    if "accuracy" not in found:
        return []
    chances = [[decimal(row["chance"]), decimal(row["preferred"]), f"{row['pairs']:,}"] for row in found["calibration"]]
    goes_with = [[name, signed(value, 2)] for name, value in found["correlations"].items()]
    return [
        ("How sure it is, and how often it is right", Table(["mean chance", "preferred", "pairs"], chances)),
        ("What its reward goes with, within prompts", Table(["variable", "correlation"], goes_with)),
    ]
