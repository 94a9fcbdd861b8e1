r"""Grades answers with known verdicts by our math verifier and by math-verify, and writes where they agree.

    python benchmarks/math_agreement.py --data DATA --out docs/math_agreement.md

DATA (default: the folder that ASSAY_DATA names) has the sub-folders gsm8k, math500, minerva_math, aime24, amc23,
olympiadbench and graders. Three kinds of rows: math-verify's own published cases; four models' solutions of GSM8K with
their published grades; and what `assay.tasks.math.cases` makes of the golds of the other sets. Exits with 1 where a
disagreement has no judgement in math_judgements.toml, and with 2 where a file cannot be read.
"""

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # also for the worker processes, which take over this path

from gsm8k_agreement import MODELS, read_solutions
from math_agreement_page import Judgements, page, unjudged

from assay.errors import AssayError, DataError
from assay.files import write_text
from assay.grading.workers import Workers, usable_cores
from assay.tasks import make_task
from assay.tasks.answers import last_boxed
from assay.tasks.math.case_text import bare
from assay.tasks.math.cases import math_cases
from assay.tasks.math.grade import Rules, grade_many
from assay.types import Score, Verdict

OTHERS = 3
"""Golds of other problems that each gold is compared with."""
LIMIT_SECONDS = 10.0
"""After which math-verify's process is killed."""
PUBLISHED = "math-verify's published cases"
UNORDERED = re.compile(
    r"\b(?:find|determine|enter)\s+all\b(?! real (?:numbers \$a, b|solutions to the system))"
    r"|\b(?:all possible values|roots) of\b(?! \$a, b)",
    re.IGNORECASE,
)
"""Questions whose answers are a set, so that their order has no meaning."""


@dataclass(frozen=True)
class Row:
    """One pair with its expected verdict. `case` is the number of a published case, from 0."""

    source: str
    kind: str
    gold: str
    response: str
    expected: Verdict
    rules: Rules = field(default_factory=Rules)
    case: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    """Options that a published case hands to math-verify."""

    @property
    def delimited(self) -> str:
        """The gold as math-verify reads it best: published ones as they are, others in a box."""
        return self.gold if self.case is not None else rf"\boxed{{{bare(self.gold) or self.gold}}}"


@dataclass(frozen=True)
class Graded:
    """A row, our score, and whether math-verify accepts it (None: its process failed, and `fault` says how)."""

    row: Row
    ours: Score
    theirs: bool | None
    fault: str | None = None


@dataclass(frozen=True)
class Timing:
    """Seconds that each grader took for the rows of one source."""

    rows: int
    ours_seconds: float
    theirs_seconds: float


def published(folder: Path) -> Iterator[Row]:
    """The cases of math-verify's own tests; the options of its functions that some set are handed to it alone."""
    renamed = {"precision": "float_rounding", "strict": "strict", "allow_set_relation_comp": "allow_set_relation_comp"}
    for number, case in enumerate(json.loads((folder / "graders" / "math_verify_cases.json").read_text("utf-8"))):
        expected = Verdict.RIGHT if case["expected"] else Verdict.WRONG
        options = {renamed[key]: case[key] for key in renamed if key in case}
        kind = case["test"].removeprefix("test_").replace("_", " ")
        yield Row(PUBLISHED, kind, case["gold"], case["pred"], expected, case=number, options=options)


def gsm8k(folder: Path) -> Iterator[Row]:
    """Four models' solutions with their published grades."""
    task = make_task("gsm8k", data=str(folder / "gsm8k" / "test.jsonl"))
    for solution in read_solutions(folder / "gsm8k" / "example_model_solutions.jsonl"):
        gold = str(task.prompt_of(solution["question"]).gold)
        for model in MODELS:
            expected = Verdict.RIGHT if solution[model]["is_correct"] else Verdict.WRONG
            rules = Rules(question=solution["question"])
            yield Row("GSM8K solutions", f"solution of {model}", gold, solution[model]["solution"], expected, rules)


@dataclass(frozen=True)
class Source:
    """A set of problems: its folder, how to read gold and question from a row, and the rules of the set."""

    folder: str
    gold: Callable[[dict[str, Any]], str]
    question: str
    rules: Callable[[dict[str, Any]], dict[str, Any]] = lambda row: {}


SOURCES = {
    "MATH-500": Source("math500", lambda row: row["answer"], "problem"),
    "Minerva": Source(
        "minerva_math", lambda row: last_boxed(row["solution"]) or "", "problem", lambda row: {"physics": True}
    ),
    "AIME 2024": Source("aime24", lambda row: str(row["answer"]), "problem"),
    "AMC 2023": Source("amc23", lambda row: f"{row['answer']:g}", "problem"),
    "OlympiadBench": Source(
        "olympiadbench", lambda row: row["final_answer"][0], "question", lambda row: {"tolerance": row["error"]}
    ),
}


def generated(folder: Path, name: str, at_most: int | None = None) -> Iterator[Row]:
    """Cases of every different gold of a set, against golds that stand further down in the file."""
    source = SOURCES[name]
    first: dict[str, dict[str, Any]] = {}
    for row in _rows(folder / source.folder / "test.jsonl"):
        first.setdefault(source.gold(row).strip(), row)
    golds = list(first)
    for index, gold in enumerate(golds[:at_most]):
        row = first[gold]
        rules = Rules(question=row[source.question], **source.rules(row))
        others = [golds[(index + 1 + 7 * step) % len(golds)] for step in range(OTHERS)]
        others = [other for other in others if other != gold]
        unordered = bool(UNORDERED.search(row[source.question]))
        rounded = rules.physics or rules.tolerance is not None
        for response, verdict, kind in math_cases(gold, others, unordered=unordered, rounded=rounded):
            yield Row(name, kind, gold, response, verdict, rules)


def grade(rows: Sequence[Row], workers: Workers) -> tuple[list[Graded], Timing]:
    """Both graders' verdicts, one grader after the other."""
    start = time.perf_counter()
    ours = grade_many([(row.response, row.gold, row.rules) for row in rows])
    middle = time.perf_counter()
    theirs = workers.map((row.delimited, row.response, row.options) for row in rows)
    end = time.perf_counter()
    graded = [
        Graded(row, score, outcome.value, outcome.fault) for row, score, outcome in zip(rows, ours, theirs, strict=True)
    ]
    return graded, Timing(len(rows), middle - start, end - middle)


def measure(folder: Path, at_most: int | None = None) -> tuple[list[Graded], dict[str, Timing]]:
    """Every row of every source, graded; `at_most` bounds the rows of the given sources and the golds of the others."""
    sources = {PUBLISHED: list(published(folder)), "GSM8K solutions": list(gsm8k(folder))}
    graded: list[Graded] = []
    timings = {}
    with Workers("math_verify_direct:accepts", usable_cores(), LIMIT_SECONDS) as workers:
        grade([Row("", "", "1", "2", Verdict.WRONG)], workers)  # starts the processes of both
        for name in (*sources, *SOURCES):
            rows = sources[name][:at_most] if name in sources else list(generated(folder, name, at_most))
            found, timings[name] = grade(rows, workers)
            graded += found
            print(f"{name}: {len(found)} rows", file=sys.stderr, flush=True)
    return graded, timings


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("ASSAY_DATA"))
    parser.add_argument("--out", type=Path, default=Path("docs/math_agreement.md"))
    parser.add_argument("--at-most", type=int, help="rows or golds a source, for a quick look")
    options = parser.parse_args(arguments)
    try:
        if options.data is None:
            raise DataError("no data: give --data DIR, or set ASSAY_DATA to the folder that holds math500/")
        judgements = Judgements.read(Path(__file__).with_name("math_judgements.toml"))
        graded, timings = measure(Path(options.data), options.at_most)
        write_text(options.out, "\n".join(page(graded, timings, judgements)) + "\n")
    except (AssayError, OSError) as error:
        print(f"math_agreement: {error}", file=sys.stderr)
        return 2
    missing = unjudged(graded, judgements)
    print(f"{len(graded)} rows; {missing} disagreements are not judged yet", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
