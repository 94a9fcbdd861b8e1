"""Everything that a study says, as one document: OUT/findings.json, schema `assay.study/1` (docs/study_questions.md).

Plain data, no NaN, the same bytes for the same runs.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from assay import __version__
from assay.audits import examples as side_by_side
from assay.audits.boundary import withheld
from assay.audits.compare import rounded
from assay.audits.verdict import boundary_verdict
from assay.files import write_json
from assay.rewards import terms
from assay.rewards.pseudo_labels import read_labels
from assay.seeds import over_what
from assay.stats import LEVEL
from assay.store import versions
from assay.studies import clipping, gain, generality, lengths, strategies, temperatures
from assay.studies.cells import Cells, Tested, read_cells
from assay.studies.matrix import Cell, Matrix
from assay.studies.question import ONE_SEED, Question
from assay.studies.rows import ALPHA, correct
from assay.tasks import make_task

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
    drafts = {each.KEY: each.ask(cells) if cells.done else None for each in QUESTIONS}
    tests = correct(row for draft in drafts.values() if draft is not None for row in draft.tests)
    asked = {key: None if draft is None else draft.answer() for key, draft in drafts.items()}
    evidence = _evidence(cells, [found for found in asked.values() if found is not None])
    questions = [_question(found, evidence[key]) for key, found in asked.items() if found is not None]
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
            "tests": tests,
            "questions": questions,
            "not_asked": [
                {"question": each.KEY, "title": each.TITLE, "needs": each.NEEDS}
                for each in QUESTIONS
                if asked[each.KEY] is None
            ],
            "runs": [_run(cells, cell) for cell in cells.done],
            "examples": list({each["id"]: each for shown in evidence.values() for each in shown}.values()),
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
    if any("incorrect:votes" in terms(name) for arm in cells.study.arms.values() for name in arm.reward):
        notes += [_wrong_majorities(cells, family) for family in cells.families]
    for family in cells.families:
        for audited in cells.study.audits:
            for note in cells.tested[audited.task, family].inputs.settings["notes"]:
                notes.append(f"{family} on {audited.task}: {note}")
    return notes


def _wrong_majorities(cells: Cells, family: str) -> str:
    """A reward by wrong votes differs from the others in its problems, too."""
    labels = read_labels(cells.matrix.votes(family), make_task(cells.study.recipe["task"], cells.study.data))
    wrong = sum(label.correct is False for label in labels.values())
    return (
        f"{family}: of {len(labels):,} problems that its base voted on, {wrong:,} have a wrong majority. A reward by "
        "wrong votes trains on these alone, and which they are is known from the truth."
    )


def _question(question: Question, evidence: list[dict[str, Any]]) -> dict[str, Any]:
    return asdict(replace(question, evidence=[example["id"] for example in evidence]))


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


def _evidence(cells: Cells, questions: Sequence[Question]) -> dict[str, list[dict[str, Any]]]:
    """Question -> a few responses to one problem by the base and by the first run of an arm, side by side."""
    read: dict[Path, list[dict[str, Any]]] = {}
    found: dict[str, list[dict[str, Any]]] = {question.key: [] for question in questions}
    for question in questions:
        for family, arm in question.evidence:
            for tested in _sources(cells, question.key, family):
                cell = next((cell for cell in tested.models if cell.arm == arm), None)
                if cell is None:
                    continue
                file = tested.models[cell].path
                if file not in read:
                    read[file] = _of_run(cells, tested, cell)
                found[question.key] += read[file]
    return found


def _sources(cells: Cells, key: str, family: str) -> list[Tested]:
    """The samples that a question is about: of the first task, but where it asks for others."""
    if key == generality.KEY:
        return [cells.tested[audited.task, family] for audited in cells.study.audits]
    if key == temperatures.KEY:
        return [cells.tested[cells.main, family], cells.matched[family][1]]
    return [cells.tested[cells.main, family]]


def _of_run(cells: Cells, tested: Tested, cell: Cell) -> list[dict[str, Any]]:
    model = tested.models[cell]
    rows = side_by_side.audit(replace(tested.inputs, models=(tested.base, model))).document["examples"]
    chosen = [next((row for row in rows if row["kind"] == kind), None) for kind in KINDS]
    files = [side.path.relative_to(cells.matrix.out).as_posix() for side in (tested.base, model)]
    about = {
        "family": cell.family,
        "arm": cell.arm,
        "seed": cell.seed,
        "task": tested.task,
        "matched": model.path == cells.matrix.samples(tested.task, cell.family, cell, matched=True),
        "temperature": model.source["temperature"],
        "files": files,
    }
    return [{"id": f"{files[1]}: {row['problem']}", **about, **row} for row in chosen if row is not None]
