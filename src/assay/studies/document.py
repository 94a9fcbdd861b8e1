"""Everything that a study says, as one document: OUT/findings.json, schema `assay.study/1` (docs/study_questions.md).

Plain data, no NaN, the same bytes for the same runs.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from assay import __version__
from assay.audits import examples as side_by_side
from assay.audits.boundary import withheld
from assay.audits.compare import rounded
from assay.audits.verdict import boundary_verdict
from assay.files import write_json
from assay.seeds import over_what
from assay.stats import LEVEL
from assay.store import versions
from assay.studies import clipping, gain, generality, lengths, strategies, temperatures
from assay.studies.cells import Cells, Tested, read_cells
from assay.studies.matrix import Cell, Matrix
from assay.studies.question import ALPHA, ONE_SEED, Question

SCHEMA = "assay.study/1"
QUESTIONS = (gain, clipping, strategies, temperatures, generality, lengths)
KINDS = ("gained", "lost", "tuned_only", "base_only")
"""Of examples, of which the first of each is shown."""


def write(matrix: Matrix) -> dict[str, Any]:
    """Reads what is done of a study, answers its questions, writes OUT/findings.json and returns the document.

    Raises DataError where the samples of finished runs cannot be compared.
    """
    document = document_of(read_cells(matrix))
    write_json(matrix.findings, document)
    return document


def document_of(cells: Cells) -> dict[str, Any]:
    """The document of docs/study_questions.md."""
    asked = {each.KEY: each.ask(cells) if cells.done else None for each in QUESTIONS}
    examples = _examples(cells)
    questions = [_question(found, examples) for found in asked.values() if found is not None]
    document: dict[str, Any] = rounded(
        {
            "schema": SCHEMA,
            "assay_version": __version__,
            "settings": _settings(cells),
            "notes": _notes(cells),
            "verdicts": [
                {"question": each["key"], "family": name, "verdict": record["verdict"], "sentence": record["sentence"]}
                for each in questions
                for name, record in each["families"].items()
            ],
            "questions": questions,
            "not_asked": [
                {"question": each.KEY, "title": each.TITLE, "needs": each.NEEDS}
                for each in QUESTIONS
                if asked[each.KEY] is None
            ],
            "runs": [_run(cells, cell) for cell in cells.done],
            "examples": [example for found in examples.values() for example in found],
        }
    )
    return document


def _settings(cells: Cells) -> dict[str, Any]:
    study = cells.study
    return {
        "name": study.name,
        "families": dict(study.families),
        "arms": {name: {"reward": list(table.reward), "set": list(table.set)} for name, table in study.arms.items()},
        "true_arm": cells.true_arm,
        "seeds": list(study.seeds),
        "audits": [audited.model_dump(mode="json") for audited in study.audits],
        "trained_on": cells.trained_on,
        "level": LEVEL,
        "alpha": ALPHA,
        "over": over_what(len(study.seeds)),
        "versions": versions(),
        "done": [str(cell) for cell in cells.done],
        "missing": [str(cell) for cell in cells.waiting],
        "failed": {str(cell): sentence for cell, sentence in cells.failed.items()},
    }


def _notes(cells: Cells) -> list[str]:
    """Sentences that a reader should see beside the verdicts."""
    notes = []
    if len(cells.study.seeds) == 1:
        notes.append(f"This study has one seed: {ONE_SEED}.")
    undone = len(cells.waiting) + len(cells.failed)
    if undone:
        total = undone + len(cells.done)
        notes.append(
            f"{undone} of {total} runs are missing ({len(cells.failed)} failed, {len(cells.waiting)} not finished): "
            "the numbers are of the others, and the same command of assay study goes on with them."
        )
    for family in cells.families:
        for audited in cells.study.audits:
            for note in cells.tested[audited.task, family].inputs.settings["notes"]:
                notes.append(f"{family} on {audited.task}: {note}")
    return notes


def _question(question: Question, examples: Mapping[tuple[str, str], list[dict[str, Any]]]) -> dict[str, Any]:
    shown = [example["id"] for pair in question.evidence for example in examples.get(pair, [])]
    return asdict(replace(question, evidence=shown))


def _run(cells: Cells, cell: Cell) -> dict[str, Any]:
    """What assay audit says of one run on the study's first task, and what the run logged."""
    tested = cells.tested[cells.main, cell.family]
    inputs, model = tested.inputs, tested.models[cell]
    rows = inputs.verdict_M
    boundary = boundary_verdict(tested.base.answers[rows], model.answers[rows], inputs.n, withheld(inputs, model))
    return {
        "family": cell.family,
        "arm": cell.arm,
        "seed": cell.seed,
        **{key: value for key, value in asdict(boundary).items() if key != "overturn"},
        "metrics": cells.metrics[cell],
    }


def _examples(cells: Cells) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(family, arm) -> a few responses to one problem by the base and by the arm's first run, side by side."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for family in cells.families:
        tested = cells.tested[cells.main, family]
        for arm in cells.arms:
            first = next((cell for cell in tested.models if cell.arm == arm), None)
            if first is not None:
                found[family, arm] = _of_run(tested, first)
    return found


def _of_run(tested: Tested, cell: Cell) -> list[dict[str, Any]]:
    pair = replace(tested.inputs, models=(tested.base, tested.models[cell]))
    rows = side_by_side.audit(pair).document["examples"]
    chosen = [next((row for row in rows if row["kind"] == kind), None) for kind in KINDS]
    return [
        {"id": f"{cell.family}/{cell.arm}-{cell.seed}/{row['problem']}", "family": cell.family, "arm": cell.arm, **row}
        for row in chosen
        if row is not None
    ]
