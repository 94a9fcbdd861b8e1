r"""Grades four models' published GSM8K solutions again and prints, as markdown, where the verdicts agree.

    python benchmarks/gsm8k_agreement.py DATA > docs/gsm8k_agreement.md

DATA is a folder with test.jsonl and example_model_solutions.jsonl of the GSM8K repository. A solution ends in a line
`A: 18`. It is graded as it is; with that line turned into `\boxed{18}` and into `#### 18`; and without it, where the
last number of the work is all there is to read. Questions are numbered from 0.
"""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from assay.errors import DataError
from assay.tasks import make_task
from assay.types import Score

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


def as_published(solution: str) -> str:
    """The solution as it is."""
    return solution


def in_a_box(solution: str) -> str:
    r"""The line 'A: 18' as '\boxed{18}'."""
    return _with_answer_line(solution, r"\boxed{%s}")


def after_hashes(solution: str) -> str:
    """The line 'A: 18' as '#### 18'."""
    return _with_answer_line(solution, "#### %s")


def without_answer_line(solution: str) -> str:
    """The work alone, so that its last number is read."""
    return _with_answer_line(solution, "")


READINGS: dict[str, Callable[[str], str]] = {
    "as published": as_published,
    r"answer in `\boxed{}`": in_a_box,
    "answer after `####`": after_hashes,
    "without the answer line": without_answer_line,
}

OTHER = "published: the work's last sentence ends in another number of the problem"
CLOCK = "published: the last number is part of a time of day"
WORK = "published, by its answer line; its work comes to another number"
CUT = "ours: the work comes to gold, and the answer line is cut off at its thousands separator"
NONSENSE = "published, by its answer line; its work is a false equation"
WHO_IS_RIGHT = {
    **{(23, model): CLOCK for model in ("175b_finetuning", "175b_verification")},
    **{(272, model): WORK for model in MODELS},
    (76, "175b_verification"): WORK,
    (115, "6b_finetuning"): WORK,
    (459, "6b_verification"): WORK,
    (1099, "6b_verification"): WORK,
    (1176, "6b_verification"): WORK,
    (1225, "175b_finetuning"): NONSENSE,
    **{(index, "6b_verification"): CUT for index in (257, 419, 451, 582)},
    **{(index, "175b_verification"): CUT for index in (257, 1293)},
    **{(index, "6b_finetuning"): OTHER for index in (352, 491, 538, 669, 1091, 1163, 1262)},
    **{(index, "6b_verification"): OTHER for index in (184, 335, 347, 602, 695, 799, 1134, 1262)},
    **{(index, "175b_finetuning"): OTHER for index in (308, 538, 767, 799, 874, 986, 1078, 1085, 1091, 1315)},
    **{
        (index, "175b_verification"): OTHER
        for index in (123, 287, 347, 358, 428, 573, 695, 799, 1057, 1085, 1117, 1143, 1246)
    },
}
"""(question, model) -> who is right, read by hand, for every disagreement in the work without its answer line."""


@dataclass(frozen=True)
class Graded:
    """One published solution, graded again."""

    question: int
    model: str
    gold: str
    published: bool
    score: Score

    @property
    def agrees(self) -> bool:
        """Whether both verdicts are the same."""
        return self.published == self.score.correct


def grade(folder: Path, reading: Callable[[str], str]) -> list[Graded]:
    """All solutions under one reading, in the order of the file."""
    task = make_task("gsm8k", data=str(folder / "test.jsonl"))
    graded = []
    for index, row in enumerate(read_solutions(folder / "example_model_solutions.jsonl")):
        prompt = task.prompt_of(row["question"])
        for model in MODELS:
            score = task.verify(prompt, reading(row[model]["solution"]))
            graded.append(Graded(index, model, prompt.gold, row[model]["is_correct"], score))
    return graded


def read_solutions(path: Path) -> Iterator[dict]:
    """Rows with `question` and, by model, `is_correct` and `solution`."""
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def report(folder: Path, graded: dict[str, list[Graded]]) -> Iterator[str]:
    """The lines of the markdown page; `graded` has the solutions of `folder` under each reading."""
    yield "# Agreement with published grades of GSM8K solutions"
    yield ""
    yield "This page is printed by `python benchmarks/gsm8k_agreement.py DATA`; its numbers are not edited."
    yield f"Verifier: `{make_task('gsm8k', data=str(folder / 'test.jsonl')).judge}`."
    yield ""
    yield from (__doc__ or "").split("\n\n")[2].splitlines()
    yield ""
    yield from _answer_lines(list(read_solutions(folder / "example_model_solutions.jsonl")))
    yield ""
    yield "| reading | model | solutions | agree | published right, ours wrong | published wrong, ours right |"
    yield "|---|---|---|---|---|---|"
    for name, rows in graded.items():
        for model in MODELS:
            yield _agreement_line(name, model, [row for row in rows if row.model == model])
    for name, rows in graded.items():
        yield from _disagreements(name, rows)


def _answer_lines(solutions: list[dict]) -> Iterator[str]:
    """What the answer lines look like: the reason for the verdicts called CUT."""
    yield "| model | no answer line | answer lines with a thousands separator |"
    yield "|---|---|---|"
    for model in MODELS:
        answers = [re.findall("^A: (.*)", row[model]["solution"], re.MULTILINE) for row in solutions]
        separated = sum(bool(re.fullmatch(r"-?\d{1,3}(,\d{3})+", last)) for *_, last in filter(None, answers))
        yield f"| {model} | {answers.count([])} | {separated} |"


def _agreement_line(name: str, model: str, rows: list[Graded]) -> str:
    verdicts = Counter((row.published, row.score.correct) for row in rows)
    agree = sum(row.agrees for row in rows)
    return f"| {name} | {model} | {len(rows)} | {agree} | {verdicts[True, False]} | {verdicts[False, True]} |"


def _disagreements(name: str, rows: list[Graded]) -> Iterator[str]:
    differing = [row for row in rows if not row.agrees]
    yield ""
    yield f"## Disagreements, {name}: {len(differing)} of {len(rows)}"
    yield ""
    if not differing:
        yield "None."
        return
    yield "| question | model | gold | our answer | published | ours | who is right |"
    yield "|---|---|---|---|---|---|---|"
    for row in differing:
        verdict = "right" if row.published else "wrong"
        who = WHO_IS_RIGHT.get((row.question, row.model), "not looked at")
        answer = row.score.answer or row.score.reason
        yield f"| {row.question} | {row.model} | {row.gold} | {answer} | {verdict} | {row.score.verdict} | {who} |"


def _with_answer_line(solution: str, form: str) -> str:
    """The solution with its line 'A: 18' written in another form."""
    lines = [form.replace("%s", line[3:]) if line.startswith("A: ") else line for line in solution.split("\n")]
    return "\n".join(line for line in lines if line)


def main(arguments: list[str]) -> int:
    """The command: prints the page."""
    if len(arguments) != 1:
        print("usage: python benchmarks/gsm8k_agreement.py DATA", file=sys.stderr)
        return 2
    try:
        folder = Path(arguments[0])
        graded = {name: grade(folder, reading) for name, reading in READINGS.items()}
        print("\n".join(report(folder, graded)))
    except (DataError, OSError) as error:
        print(f"gsm8k_agreement: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
