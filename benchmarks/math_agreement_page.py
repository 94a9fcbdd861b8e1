"""The page that `math_agreement.py` writes: tables, and every disagreement with the judgement that a reader gave it."""

import inspect
import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from assay.errors import DataError
from assay.grading.workers import usable_cores
from assay.types import Verdict

if TYPE_CHECKING:
    from math_agreement import Graded, Row, Timing

NOT_JUDGED = "not judged yet"
EXAMPLES = 3
"""Rows that are shown of each group of disagreements of math-verify."""
SHOWN = 90
"""Characters of a gold or response that are shown, from its end."""


@dataclass(frozen=True)
class Judgements:
    """What a reader says of single rows, of golds that ours cannot judge by, and of all rows of one kind."""

    rows: Mapping[tuple[Any, ...], str]
    golds: Mapping[str, str]
    groups: Mapping[tuple[str, str, str], str]

    @classmethod
    def read(cls, path: Path) -> "Judgements":
        """Tables case (number), answer (gold, response), gold (gold) and group (grader, kind, expected)."""
        try:
            text = tomllib.loads(path.read_text("utf-8"))
            rows: dict[tuple[Any, ...], str] = {
                (entry["number"],): entry["judgement"] for entry in text.get("case", [])
            }
            rows |= {(each["gold"], each["response"]): each["judgement"] for each in text.get("answer", [])}
            golds = {each["gold"]: each["judgement"] for each in text.get("gold", [])}
            groups = {(g["grader"], g["kind"], g["expected"]): g["judgement"] for g in text.get("group", [])}
        except (tomllib.TOMLDecodeError, KeyError) as error:
            raise DataError(
                f"{path}: {error}; expected tables case, answer, gold and group, each with a judgement"
            ) from error
        return cls(rows, golds, groups)

    def of_row(self, row: "Row", verdict: Verdict) -> str | None:
        """The judgement of a row that ours does not grade as expected."""
        key = (row.gold, row.response) if row.case is None else (row.case,)
        whole = self.golds.get(row.gold) if verdict is Verdict.UNKNOWN else None
        return self.rows.get(key) or whole or self.groups.get(("ours", row.kind, row.expected))

    def of_group(self, key: tuple[str, str]) -> str | None:
        """The judgement of math-verify's unexpected verdicts of one kind."""
        return self.groups.get(("math-verify", *key))


def page(graded: Sequence["Graded"], timings: Mapping[str, "Timing"], judgements: Judgements) -> Iterator[str]:
    """The lines of the markdown page."""
    yield "# Agreement of the math verifier with known verdicts"
    yield ""
    yield "This page is written by `python benchmarks/math_agreement.py`; its numbers are not edited. The judgements in"
    yield "it are read from `benchmarks/math_judgements.toml`, which a reader filled by hand."
    yield f"Verifier: `{graded[0].ours.judge}`, beside math-verify {version('math-verify')} called directly."
    yield ""
    yield from inspect.cleandoc(_SOURCES).splitlines()
    yield ""
    yield from _table(graded, timings)
    yield from _tiers(graded)
    yield from _times(timings)
    yield from _kinds(graded)
    yield from _ours(graded, judgements)
    yield from _theirs(graded, judgements)


def unjudged(graded: Sequence["Graded"], judgements: Judgements) -> int:
    """Disagreements, and groups of math-verify's, that nobody has judged."""
    rows = sum(judgements.of_row(each.row, each.ours.verdict) is None for each in graded if not _as_expected(each))
    return rows + sum(judgements.of_group(key) is None for key in _groups(graded))


_SOURCES = """
    The rows: the cases of math-verify's own tests with the verdicts they expect; the published solutions of four models
    to GSM8K's test problems with their published grades; and cases made of the golds of five sets by
    `assay.tasks.math.cases`: the gold itself under several marks and in equal forms (right), near-misses, other
    problems' golds and responses without an answer (wrong). Golds that occur twice in a set count once. math-verify
    has its defaults (and the options that its own cases name), its golds in `\\boxed{}` except for its own cases, and
    no timeouts of its own but a process that is killed after ten seconds. It has no third verdict: "failed" means that
    its process raised or was killed.
"""


def _table(graded: Sequence["Graded"], timings: Mapping[str, "Timing"]) -> Iterator[str]:
    yield "| source | grader | rows | as expected | wrong accepts | wrong rejects | unknown or failed |"
    yield "|---|---|---|---|---|---|---|"
    for name in timings:
        rows = [each for each in graded if each.row.source == name]
        for grader in ("ours", "math-verify"):
            counts = Counter(_outcome(each, grader) for each in rows)
            cells = [len(rows), *(counts[outcome] for outcome in OUTCOMES)]
            yield f"| {name} | {grader} | {' | '.join(map(str, cells))} |"


OUTCOMES = ("as expected", "wrong accept", "wrong reject", "unknown")


def _outcome(each: "Graded", grader: str) -> str:
    if grader == "ours":
        right = None if each.ours.verdict is Verdict.UNKNOWN else each.ours.verdict is Verdict.RIGHT
    else:
        right = each.theirs
    if right is None:
        return "unknown"
    if right == (each.row.expected is Verdict.RIGHT):
        return "as expected"
    return "wrong accept" if right else "wrong reject"


def _as_expected(each: "Graded") -> bool:
    return _outcome(each, "ours") == "as expected"


def _tiers(graded: Sequence["Graded"]) -> Iterator[str]:
    yield from ("", "## What decided", "", "| tier | right | wrong | unknown | share |", "|---|---|---|---|---|")
    tiers = Counter(each.ours.tier for each in graded)
    verdicts = Counter((each.ours.tier, each.ours.verdict) for each in graded)
    for tier, count in tiers.most_common():
        cells = " | ".join(str(verdicts[tier, verdict]) for verdict in (Verdict.RIGHT, Verdict.WRONG, Verdict.UNKNOWN))
        yield f"| {tier or 'none: no answer'} | {cells} | {count / len(graded):.1%} |"


def _times(timings: Mapping[str, "Timing"]) -> Iterator[str]:
    yield from ("", "## Time", "", f"Both graders on {usable_cores()} cores of one machine, after start.", "")
    yield "| source | rows | ours, rows/s | math-verify, rows/s | ratio |"
    yield "|---|---|---|---|---|"
    for name, timing in timings.items():
        ours, theirs = timing.rows / timing.ours_seconds, timing.rows / timing.theirs_seconds
        yield f"| {name} | {timing.rows} | {ours:,.0f} | {theirs:,.0f} | {ours / theirs:.1f} |"


def _kinds(graded: Sequence["Graded"]) -> Iterator[str]:
    yield from ("", "## Generated cases by kind", "", "As expected, of all of the kind.", "")
    yield "| kind | expected | rows | ours | math-verify |"
    yield "|---|---|---|---|---|"
    kinds: defaultdict[tuple[str, str], list[Graded]] = defaultdict(list)
    for each in graded:
        if each.row.case is None:
            kinds[each.row.kind, each.row.expected].append(each)
    for (kind, expected), rows in sorted(kinds.items(), key=lambda pair: (pair[0][1], pair[0][0])):
        agree = [sum(_outcome(each, grader) == "as expected" for each in rows) for grader in ("ours", "math-verify")]
        yield f"| {kind} | {expected} | {len(rows)} | {agree[0]} | {agree[1]} |"


def _ours(graded: Sequence["Graded"], judgements: Judgements) -> Iterator[str]:
    """Every row on which our verdict is not the expected one."""
    rows = [each for each in graded if not _as_expected(each)]
    yield from ("", f"## Ours against what is expected: {len(rows)} of {len(graded)}", "")
    if not rows:
        yield "None."
        return
    yield "Published cases are named by their number in the file, from 0."
    yield ""
    yield "| source | kind | gold | response | expected | ours | tier: reason | math-verify | judgement |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for each in rows:
        row, score = each.row, each.ours
        source = row.source if row.case is None else f"case {row.case}"
        why = f"{score.tier or 'none'}: {_cell(score.reason or '')}"
        cells = [
            source,
            row.kind,
            _code(row.gold),
            _code(row.response),
            row.expected,
            score.verdict,
            why,
            _theirs_word(each),
        ]
        yield f"| {' | '.join(cells)} | {judgements.of_row(row, score.verdict) or NOT_JUDGED} |"


def _groups(graded: Sequence["Graded"]) -> "dict[tuple[str, str], list[Graded]]":
    """Rows on which math-verify's verdict is not the expected one, by (kind, expected)."""
    groups: defaultdict[tuple[str, str], list[Graded]] = defaultdict(list)
    for each in graded:
        if _outcome(each, "math-verify") != "as expected":
            groups[each.row.kind, each.row.expected].append(each)
    return dict(sorted(groups.items(), key=lambda pair: -len(pair[1])))


def _theirs(graded: Sequence["Graded"], judgements: Judgements) -> Iterator[str]:
    """math-verify's unexpected verdicts, in groups."""
    groups = _groups(graded)
    count = sum(map(len, groups.values()))
    yield from ("", f"## math-verify against what is expected: {count} of {len(graded)}", "")
    yield f'In groups of one kind, with up to {EXAMPLES} of each; "ours too" counts those that ours does not grade as'
    yield "expected either."
    yield ""
    yield "| kind | expected | rows | ours too | gold, response: math-verify | judgement |"
    yield "|---|---|---|---|---|---|"
    for key, rows in groups.items():
        shown = "<br>".join(f"{_code(e.row.gold)}, {_code(e.row.response)}: {_theirs_word(e)}" for e in rows[:EXAMPLES])
        both = sum(not _as_expected(each) for each in rows)
        yield f"| {key[0]} | {key[1]} | {len(rows)} | {both} | {shown} | {judgements.of_group(key) or NOT_JUDGED} |"


def _theirs_word(each: "Graded") -> str:
    if each.theirs is None:
        return f"failed ({each.fault})"
    return "right" if each.theirs else "wrong"


def _code(text: str) -> str:
    """A text as markdown code in a table cell, cut at its beginning where it is long."""
    text = re.sub(r"\s+", " ", text)
    text = "..." + text[-SHOWN:] if len(text) > SHOWN else text
    return f"`` {_cell(text)} ``" if text.strip() else "(empty)"


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
