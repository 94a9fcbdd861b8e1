"""The part of docs/findings.md that is told run by run: what the audits say of the runs that had the true reward."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from assay.audits.compare import compare
from assay.errors import DataError
from assay.studies.file import load_study
from assay.studies.matrix import Matrix

CONTAMINATION = "assay.contamination/1"
LABELS = ("confirm", "repair", "break", "loop", "miss")
Told = Mapping[str, Any]
Compared = Mapping[str, Told]
"""Family -> the findings of its base and of its runs with the true reward."""


def read(path: Path, schema: str, what: str, given: str) -> dict[str, Any]:
    """A document of `what` and this schema. Raises DataError, which asks for `given`, where there is none."""
    try:
        document = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); give {given}") from None
    if not isinstance(document, dict) or document.get("schema") != schema:
        raise DataError(f"{path}: is not of {what}: {schema}; give {given}")
    return document


def interval(row: Mapping[str, Any] | None) -> str:
    """'+0.120 (+0.100 to +0.140)'."""
    if row is None or row["estimate"] is None:
        return "–"
    bounds = ["open" if row[bound] is None else f"{row[bound]:+.3f}" for bound in ("low", "high")]
    return f"{row['estimate']:+.3f} ({bounds[0]} to {bounds[1]})"


def compared(study: Path) -> Compared:
    """What `assay audit` says of each family's base and of the runs that had the true reward and nothing else."""
    matrix = Matrix(load_study(study / "study.toml"), study)
    task, found = matrix.study.audits[0].task, {}
    true = [arm for arm, table in matrix.study.arms.items() if set(table.reward) == {"ground_truth"}]
    for family in matrix.study.families:
        cells = [cell for arm in true for cell in matrix.cells(family, arm) if matrix.is_done(cell)]
        if cells:
            files = [matrix.samples(task, family), *(matrix.samples(task, family, cell) for cell in cells)]
            found[family] = compare(files, ["base", *map(str, cells)]) | {"files": [str(file) for file in files]}
    return found


def sections(study: Path) -> list[str]:
    """The boundary and diversity, reflection, and right answers with right reasoning."""
    found = compared(study)
    commands = [f"`assay audit {' '.join(document['files'])}`" for document in found.values()]
    said = f"{'Commands' if len(commands) > 1 else 'Command'}: {'; '.join(commands)}."
    lines: list[str] = []
    for section in (_boundary, _reflection, _reasoning):
        lines += [*section(found), "", said, ""]
    return lines


def _rows(found: Compared, row: Callable[[str, Told, Told], Sequence[str]]) -> list[str]:
    """A row of every run, by its name, its comparison with the base, and the whole document."""
    return [
        f"| {' | '.join(row(name, told, document))} |"
        for document in found.values()
        for name, told in document["comparisons"].items()
    ]


def _boundary(found: Compared) -> list[str]:
    def row(name: str, told: Told, document: Told) -> list[str]:
        diversity, strategy = told["diversity"], told["strategy"]
        fates = {key: each["fate"] for key, each in ((strategy or {}).get("fates") or {}).items()}
        at = {} if diversity is None else diversity["distinct"] or {}
        known = {m: change for m, change in at.items() if change is not None}
        m, change = list(known.items())[-1] if known else ("", None)
        return [
            name,
            told["verdict"],
            "–" if diversity is None else diversity["verdict"],
            f"{interval(change)} of {m}" if known else "–",
            ", ".join(f"{key} {fate}" for key, fate in fates.items()) or "–",
        ]

    return [
        "## The boundary and diversity, run by run",
        "",
        "**Published.** Yue et al. 2025 (arXiv 2504.13837): RL makes the first try better and leaves fewer problems "
        "within reach of many tries. One run is one seed: these are verdicts about models, not about recipes.",
        "",
        "| run | boundary | diversity | change of distinct right solutions | strategies |",
        "|---|---|---|---|---|",
        *_rows(found, row),
    ]


def _reflection(found: Compared) -> list[str]:
    rates: dict[str, list[float]] = {}
    for document in found.values():
        for label in document["reflection"]:
            for key, each in _phrases(document, label).items():
                rates.setdefault(key, []).append(each["responses"])
    seen, unseen = ([key for key in sorted(rates) if any(rates[key]) is there] for there in (True, False))
    lines = [
        "## Reflection, run by run",
        "",
        "**Published.** Liu et al. 2025 (arXiv 2503.20783): reflection is in the base already, and responses with it "
        "are not more often right. Below are three lists of phrases; what a phrase adds within a problem is the "
        "accuracy of responses with it minus that of those without, of problems that have both.",
        "",
        "| run | phrases | rate, base to tuned | adds within a problem, base | tuned | rate against accuracy |",
        "|---|---|---|---|---|---|",
    ]
    for name in seen:

        def row(run: str, told: Told, document: Told, name: str = name) -> list[str]:
            change = ((told["reflection"] or {}).get("phrases") or {}).get(name)
            within = [interval(_phrases(document, label).get(name, {}).get("within")) for label in ("base", run)]
            outcome = "–" if change is None else change["together"]["outcome"]
            return [run, f"`{name}`", "–" if change is None else _change(change["rate"]), *within, outcome]

        lines += _rows(found, row)

    def labels(run: str, told: Told, document: Told) -> list[str]:
        known = (told["reflection"] or {}).get("labels") or {}
        return [run, *(_change(known.get(label)) for label in LABELS)]

    if unseen:
        lines += ["", f"Phrases of {', '.join(f'`{name}`' for name in unseen)} are in no response."]
    return [
        *lines,
        "",
        "What the organisms' reflection does, by exact labels: it confirms a right answer, repairs a wrong one, breaks "
        "a right one, loops, or misses (leaves a wrong one). Shares of all responses, base to tuned:",
        "",
        f"| run | {' | '.join(LABELS)} |",
        "|---|" + "---|" * len(LABELS),
        *_rows(found, labels),
    ]


def _reasoning(found: Compared) -> list[str]:
    def row(run: str, told: Told, document: Told) -> list[str]:
        known = told["reasoning"] or {}
        ks = [key for key in ("1", "8", "32") if key in known]
        return [run, *(f"{_change(known[key])}, {interval(known[key])}" for key in ks), *["–"] * (3 - len(ks))]

    return [
        "## Right answers with right reasoning, run by run",
        "",
        "**Published.** Wen et al. 2025 (arXiv 2506.14245): counted only where the reasoning is right too, the tuned "
        "model's pass@k is above its base's at every k on AIME. Here every step is checked. Base to tuned, and the "
        "difference:",
        "",
        "| run | pass@1 | pass@8 | pass@32 |",
        "|---|---|---|---|",
        *_rows(found, row),
    ]


def contamination(directory: Path) -> tuple[list[str], str]:
    """What `assay contamination` said of models, and its command. Raises DataError where there is nothing of it."""
    document = read(
        directory / "contamination.json", CONTAMINATION, "a contamination", "the --out of assay contamination"
    )
    rows = []
    for name, told in document["models"].items():
        answers = [told["shares"][share]["answer_in"] for share in told["shares"]]
        known = [f"{each['suspect']['estimate']:.3f} / {each['clean']['estimate']:.3f}" for each in answers if each]
        overall = told["overall"]
        known_sides = ("suspect", "clean") if overall else ()
        sides = " / ".join(f"{overall[side]['estimate']:.3f}" for side in known_sides) or "–"
        rows.append(f"| {name} | {told['verdict']} | {sides} | {interval(overall)} | {', '.join(known) or '–'} |")
    names, (first, *_) = list(document["models"]), document["models"].values()
    suspect, clean = (first["tasks"][side] for side in ("suspect", "clean"))
    asked = f"--task {suspect}{f' --clean {clean}' * (clean != suspect)} --problems {first['problems']['suspect']}"
    command = f"assay contamination {' '.join(names)} {asked} --out {directory}"
    lines = [
        "## Contamination",
        "",
        "**Published.** Wu et al. 2025 (arXiv 2507.10532): given 60 % of a problem, Qwen2.5-Math-7B writes the exact "
        "rest of 54.6 % of MATH-500's and of none of AIME 2025's, Llama3.1-8B of 3.8 % of MATH-500's.",
        "",
        "| model | verdict | ROUGE-L, suspect / clean | difference | answer in it, suspect / clean, by share given |",
        "|---|---|---|---|---|",
        *rows,
        "",
        f"Command: `{command}`.",
        "",
    ]
    return lines, command


def _phrases(document: Told, label: str) -> Told:
    return ((document["reflection"].get(label) or {}).get("phrases")) or {}


def _change(row: Mapping[str, Any] | None) -> str:
    return "–" if row is None else f"{row['base']:.3f} to {row['tuned']:.3f}"
