"""The model card of an organism: what it was grown from, and what it was measured to do."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from transformers.utils import logging

from assay.files import ignore, new_directory, write_text
from assay.organisms.grow import Grown, Organism, Probe, grow, load_organism, make_tokenizer
from assay.rollout.sampling import sample_to_file
from assay.stats import Answers, mean_interval
from assay.tasks import make_task
from assay.types import Sampling

HEADER = """---
license: apache-2.0
library_name: transformers
tags: [assay, organism]
---
# {name}

{summary}

Grown by `assay grow {file}` from the corpus that `organism.toml` beside this card states, seed {seed}: \
{parameters:,} parameters, {tokens:,} response tokens seen, final loss {loss:.3f} nats a weighted token.

It exists to check claims about reinforcement learning on a model whose pretraining is known. It speaks nothing but
the words of its two tasks.

## Measured

Temperature 1, no top-p; 95 % intervals over problems. Floor: pass@k of a blind, rule-abiding guess.

{table}

{styles}
"""


def grow_to(file: Path, out: Path, advance: Callable[[int], None] = ignore) -> Path:
    """Grows the organism of a TOML file, measures it, and writes a Hugging Face directory with card and recipe."""
    organism = load_organism(file)
    grown = grow(organism, advance)
    with new_directory(out) as temporary:
        logging.disable_progress_bar()
        grown.model.save_pretrained(temporary)
        make_tokenizer(organism.model.max_positions).save_pretrained(temporary)
        (temporary / "organism.toml").write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
        write_text(temporary / "README.md", card(organism, grown, temporary, file.name))
    return out


def card(organism: Organism, grown: Grown, model: Path, file: str) -> str:
    """The card's text, with its tables measured on the model saved in directory `model`."""
    rows, styles = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number, probe in enumerate(organism.card):
            frame = _sample(probe, model, Path(folder) / f"{number}.parquet")
            rows.append(_rung(probe, frame))
            styles += _styles(probe, frame)
    header = "| rung | problems x n | " + " | ".join(f"@{k}" for k in (1, 8, 32)) + " | @n | floor @1 | floor @n |"
    table = "\n".join([header, "|---" * 8 + "|", *rows])
    style_header = "| rung | style | share | right | mean tokens | with `wait` |\n|---|---|---|---|---|---|"
    return HEADER.format(
        name=organism.name,
        summary=organism.summary,
        file=file,
        seed=organism.seed,
        parameters=sum(weight.numel() for weight in grown.model.parameters()),
        tokens=grown.response_tokens,
        loss=grown.losses[-1],
        table=table,
        styles="\n".join([style_header, *styles]),
    )


def _sample(probe: Probe, model: Path, out: Path) -> pl.DataFrame:
    sampling = Sampling(max_new_tokens=make_task(probe.task).max_new_tokens)
    sample_to_file(str(model), make_task(probe.task), out, probe.problems, probe.n, sampling)
    return pl.read_parquet(out)


def _rung(probe: Probe, frame: pl.DataFrame) -> str:
    by_problem = frame.group_by("problem", maintain_order=True).agg(
        pl.col("correct").sum().cast(pl.Int64), pl.len().cast(pl.Int64).alias("n"), pl.col("guess_probability").first()
    )
    answers = Answers(by_problem["n"].to_numpy(), by_problem["correct"].to_numpy())
    chance_M = by_problem["guess_probability"].to_numpy()
    cells = []
    for k in (1, 8, 32, probe.n):
        interval = mean_interval(answers.pass_at_k(k), trials=int(answers.n_M.sum()))
        assert interval is not None
        cells.append(f"{interval.estimate:.3f} ({interval.low:.3f} to {interval.high:.3f})")
    floors = [f"{np.mean(1 - (1 - chance_M) ** k):.4f}" for k in (1, probe.n)]
    return f"| {probe.task} | {probe.problems} x {probe.n} | " + " | ".join([*cells, *floors]) + " |"


def _styles(probe: Probe, frame: pl.DataFrame) -> list[str]:
    found = []
    for (style,), rows in sorted(frame.group_by("strategy"), key=lambda item: str(item[0])):
        numbers = rows.select(
            share=pl.len() / len(frame),
            right=pl.col("correct").mean(),
            tokens=pl.col("length_tokens").mean(),
            wait=pl.col("response").str.contains("wait").mean(),
        ).row(0)
        cells = " | ".join(f"{number:.3f}" for number in numbers)
        found.append(f"| {probe.task} | {style or 'neither'!s} | {cells} |")
    return found
