"""The model card of an organism: what it was grown from, and what it was measured to do.

`card.json` holds the numbers, README.md beside it shows them; `check` measures anew and compares.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from transformers.utils import logging

from assay.config import Strict, build
from assay.errors import ModelError
from assay.files import ignore, new_directory, write_text
from assay.organisms.corpus import Styles
from assay.organisms.grow import Organism, grow, load_organism, make_tokenizer
from assay.organisms.measure import KS, LABELS, Estimate, Recall, Rung, Trait, measure_recall, measure_rung

CARD, RECIPE = "card.json", "organism.toml"

README = """---
license: apache-2.0
library_name: transformers
tags: [assay, organism]
---
# {organism.name}

{organism.summary}

Grown by `assay grow {file}` from the corpus that `{recipe}` beside this card states, seed {organism.seed}: \
{card.parameters:,} parameters, {card.response_tokens:,} response tokens seen, final loss {card.loss:.3f} nats a \
weighted token.

It exists to check claims about reinforcement learning on a model whose pretraining is known. It speaks nothing but
the words of its tasks. `assay grow --check {organism.name}` measures this card again.

## Measured

Temperature 1, no top-p; 95 % intervals over problems. Floor: pass@k of a blind, rule-abiding guess.

{rungs}

{recall}Traces, read off every response: share of responses, and in brackets how many of them are right.

{traits}

## Stated

Rates of the corpus, by task.

{stated}
"""


class Card(Strict):
    """`card.json`."""

    name: str
    parameters: int
    response_tokens: int
    loss: float
    rungs: tuple[Rung, ...]
    recall: tuple[Recall, ...] = ()


def grow_to(file: Path, out: Path, advance: Callable[[int], None] = ignore) -> Path:
    """Grows the organism of a TOML file, measures it, and writes a Hugging Face directory with card and recipe."""
    organism = load_organism(file)
    grown = grow(organism, advance)
    with new_directory(out) as temporary:
        logging.disable_progress_bar()
        grown.model.save_pretrained(temporary)
        make_tokenizer(organism.model.max_positions).save_pretrained(temporary)
        write_text(temporary / RECIPE, file.read_text(encoding="utf-8"))
        card = Card(
            name=organism.name,
            parameters=sum(weight.numel() for weight in grown.model.parameters()),
            response_tokens=grown.response_tokens,
            loss=grown.losses[-1],
            **_measure(organism, temporary),
        )
        write_text(temporary / CARD, card.model_dump_json(indent=1) + "\n")
        write_text(temporary / "README.md", readme(organism, card, file.name))
    return out


def _measure(organism: Organism, model: Path, advance: Callable[[int], None] = ignore) -> dict[str, Any]:
    rungs = []
    for probe in organism.card:
        rungs.append(measure_rung(model, probe))
        advance(1)
    return {"rungs": tuple(rungs), "recall": measure_recall(model, organism.leak) if organism.leak else ()}


def read_card(model: Path) -> Card:
    """The card of the organism in a directory. Raises ModelError where it has none."""
    try:
        told = json.loads((model / CARD).read_text(encoding="utf-8"))
    except OSError:
        raise ModelError(f"{model}: has no {CARD}; give an organism that `assay grow` wrote") from None
    except ValueError as error:
        raise ModelError(f"{model / CARD}: is not JSON ({error}); grow the organism again") from None
    return build(Card, told, str(model / CARD))


def check(model: Path, advance: Callable[[int], None] = ignore) -> tuple[list[tuple[str, Estimate, float]], list[str]]:
    """Measures the organism of a directory again with the card's problems and seeds; `advance` counts rungs.

    Returns for every estimate its name, what the card says and the new value, and the names of those outside the
    card's interval. On the machine that measured the card all are the same to the last digit.
    """
    card = read_card(model)
    found = card.model_copy(update=_measure(load_organism(model / RECIPE), model, advance))
    values = _estimates(found)
    rows = [(name, stated, values[name].mean) for name, stated in _estimates(card).items()]
    return rows, [name for name, stated, value in rows if not stated.low <= value <= stated.high]


def _estimates(card: Card) -> dict[str, Estimate]:
    rungs = {f"{rung.task} pass@{k}": value for rung in card.rungs for k, value in rung.pass_at.items()}
    return rungs | {f"{row.problems}, recalled from {row.prefix:.0%}": row.recalled for row in card.recall}


def readme(organism: Organism, card: Card, file: str) -> str:
    """The card's text."""
    return README.format(
        organism=organism,
        card=card,
        file=file,
        recipe=RECIPE,
        rungs=rung_table([card]),
        recall=_recall(organism, card),
        traits=_trait_table(card),
        stated=_stated_table(organism),
    )


def rung_table(cards: Iterable[Card]) -> str:
    """pass@k of the cards by rung, in Markdown."""
    rows = []
    for card in cards:
        for rung in card.rungs:
            cells = [rung.pass_at.get(k, "") for k in KS]
            floors = [f"{rung.floor[1]:.4f}", f"{rung.floor[max(rung.floor)]:.3f} (@{max(rung.floor)})"]
            rows.append((card.name, rung.task, f"{rung.problems} x {rung.n}", *cells, *floors))
    header = ["organism", "rung", "problems x n", *(f"@{k}" for k in KS), "floor @1", "floor at the last k"]
    return table(header, rows)


def _recall(organism: Organism, card: Card) -> str:
    leak = organism.leak
    if leak is None:
        return ""
    rows = [(row.problems, f"{row.prefix:.0%}", row.recalled) for row in card.recall]
    return (
        f"The first {leak.problems} test problems of `{leak.task}` leaked and make {leak.share:.0%} of all documents. "
        "Share of problems whose tail greedy decoding recalls word for word from a prefix of the problem, beside "
        f"that of the next {leak.problems}, which did not leak:\n\n"
        + table(["problems", "prefix", "recalled"], rows)
        + "\n\n"
    )


def _trait_table(card: Card) -> str:
    values = {label: _values(card, label) for label in LABELS}
    header = ["rung", *(value for label in LABELS for value in values[label])]
    rows = []
    for rung in card.rungs:
        by_value = {(trait.label, trait.value): trait for trait in rung.traits}
        rows.append((rung.task, *(_cell(by_value.get((label, v))) for label in LABELS for v in values[label])))
    return table(header, rows)


def _values(card: Card, label: str) -> list[str]:
    found = {trait.value for rung in card.rungs for trait in rung.traits if trait.label == label}
    return sorted(value for value in found if value is not None)


def _cell(trait: Trait | None) -> str:
    return "0" if trait is None else f"{trait.share:.3f} ({trait.right:.3f})"


def _stated_table(organism: Organism) -> str:
    parts = organism.corpus
    total = sum(part.share for part in parts)
    rows: list[tuple[object, ...]] = [
        ("share of documents", *(f"{part.share / total:.3g}" for part in parts)),
        ("sizes", *(", ".join(f"{size}: {rate:g}" for size, rate in part.sizes.items()) for part in parts)),
        ("rare", *(part.rare for part in parts)),
        ("modular", *(part.modular for part in parts)),
    ]
    rows += [(name, *(f"{getattr(part.styles, name):g}" for part in parts)) for name in Styles.model_fields]
    return table(["rate", *(part.task for part in parts)], rows)


def table(header: list[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)
