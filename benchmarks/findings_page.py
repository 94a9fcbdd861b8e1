r"""Writes what studies of the organisms show, claim by claim beside the published one: docs/findings.md.

    assay study standard --out runs/standard
    assay study mechanisms --out runs/mechanisms
    assay contamination organism:leaked-base organism:code-base organism:prose-base \
        --task compose:seen --problems 64 --out runs/leak
    python benchmarks/findings_page.py --study runs/standard --study runs/mechanisms --contamination runs/leak \
        --page docs/findings.md

Works on any directories of studies. Each claim is told by the study that asks it with the arms that it needs, the first
of several. What agrees, what differs and what is not shown is read off its verdicts.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from findings_runs import contamination, interval, read, sections

from assay.cli.study import SHIPPED
from assay.errors import AssayError
from assay.files import write_text
from assay.studies.rows import falls, rises

SCHEMA = "assay.study/1"


@dataclass(frozen=True)
class Claim:
    """A published claim, the question of a study that it is beside, and what each verdict makes of it."""

    question: str
    title: str
    published: str
    reads: Mapping[str, str]
    whole: str | None = None
    """A number of a family's record that is None where the study's arms answer it in part only."""


CLAIMS = (
    Claim(
        "gain",
        "Rewards without the truth",
        "Shao et al. 2025 (arXiv 2506.10947): Qwen2.5-Math-7B gains 29.1 points on MATH-500 with the true reward, "
        "27 with a majority's labels, 24.1 with incorrect labels, 21.4 with a random reward and 13.8 with format. In "
        "Llama3 and OLMo2 all but the true reward are flat or negative.",
        {"no": "one of them brings half or more", "yes": "none brings half, as in Llama3 and OLMo2"},
    ),
    Claim(
        "clipping",
        "A random reward acts through the clip",
        "Shao et al. 2025, appendix B: without the clip, or with as many samples an update as a batch has, a random "
        "reward brings no robust gain; their runs make 8 updates a batch.",
        {
            "through the clip": "agrees",
            "not through the clip alone": "differs",
            "no effect at this size": "no effect here",
        },
    ),
    Claim(
        "strategies",
        "The gain is a switch of strategy",
        "Shao et al. 2025, table 2: of the gain of Qwen2.5-Math-7B, 58.3 % comes from answers that switched from "
        "language to code; of that of Qwen2.5-7B, 93.9 % from code to language.",
        {"from switching": "agrees", "from better answers within a strategy": "differs"},
    ),
    Claim(
        "temperatures",
        "Narrowing is more than a lower temperature",
        "Yue et al. 2025 (arXiv 2504.13837): sampled at the temperature at which its entropy is the base's, the "
        "trained model still stays behind at large k.",
        {"no": "agrees", "partly": "agrees in part", "yes": "differs", "no narrowing is shown": "no narrowing here"},
    ),
    Claim(
        "generality",
        "The true reward helps in every family",
        "Shao et al. 2025: the true reward raises Qwen2.5-Math, Llama3 and OLMo2 alike; what the other rewards do "
        "depends on the family.",
        {
            "shown on every task": "agrees, and on tasks not trained on",
            "shown on some tasks": "agrees, on some tasks",
            "shown on the first task alone": "agrees, on the first task",
            "no gain is shown": "no gain here",
        },
    ),
    Claim(
        "lengths",
        "The loss's weighting by length lengthens wrong responses",
        "Liu et al. 2025 (arXiv 2503.20783): GRPO divides by the length of a response, so that wrong responses grow; "
        "with Dr. GRPO they do not.",
        {
            "yes": "agrees",
            "no: they grow less": "differs",
            "wrong responses get longer": "longer; of which loss is not asked",
            "wrong responses get shorter": "shorter; of which loss is not asked",
        },
        whole="wrong_contrast",
    ),
)
SMALL = (
    "The organisms are tiny and not the models of the papers: where they agree, the effect needs neither size nor a "
    "web's text; where they differ, it may. "
)
NOT_SHOWN = "not shown"
TABLES = {"gain": (("gain", "share"), "gain"), "strategies": (("switching", "within", "excess"), "excess")}
"""Of questions that compare many arms: the numbers in their table, and the one whose p-value is told."""


def read_document(study: Path) -> dict[str, Any]:
    """The document of a study's directory. Raises DataError where there is none."""
    return read(study / "findings.json", SCHEMA, "a study", "the directory that assay study wrote")


def page(
    documents: Sequence[Mapping[str, Any]],
    commands: Sequence[str],
    last: str,
    audits: Sequence[str] = (),
) -> str:
    """The page in Markdown. `commands` make the documents, `last` the page.

    `audits` are lines at the end.
    """
    told = {claim.question: _teller(claim, documents) for claim in CLAIMS}
    small = all(base.startswith("organism:") for each in documents for base in each["settings"]["families"].values())
    families = list(dict.fromkeys(name for document in documents for name in document["settings"]["families"]))
    lines = [
        "# What the organisms show" if small else "# What the studies show",
        "",
        "Published claims beside what studies measured. "
        + SMALL * small
        + "Every number here is written by a command:",
        "",
        "```",
        *commands,
        last,
        "```",
        "",
        *[line for document in documents for line in _about(document)],
        "Intervals are 95 %; a verdict needs a p-value below .05 after Benjamini and Hochberg's correction over all "
        "tests of its study ([the questions](study_questions.md)).",
        "",
        "| claim | `assay study` | " + " | ".join(families) + " |",
        "|---|---|" + "---|" * len(families),
        *[_summary(claim, documents[told[claim.question]], families) for claim in CLAIMS],
        "",
    ]
    for claim in CLAIMS:
        lines += _section(claim, documents[told[claim.question]], commands[told[claim.question]])
    return "\n".join([*lines, *audits]).rstrip() + "\n"


def _about(document: Mapping[str, Any]) -> list[str]:
    settings = document["settings"]
    said = (
        f"`{settings['name']}`: families {', '.join(settings['families'])}; seeds "
        f"{', '.join(map(str, settings['seeds']))}; trained on {settings['trained_on']}; {len(settings['done'])} runs "
        f"done, {len(settings['missing'])} missing, {len(settings['failed'])} failed; intervals over "
        f"{settings['over']}."
    )
    return [said, "", *(line for note in document["notes"] for line in (f"> {note}", ""))]


def _teller(claim: Claim, documents: Sequence[Mapping[str, Any]]) -> int:
    """The place of the document that tells of a claim: the first that asks it whole, else in part, else the first."""
    ranks = []
    for document in documents:
        question = _question(claim, document)
        records = () if question is None else question["families"].values()
        in_part = claim.whole is not None and any(record.get(claim.whole) is None for record in records)
        ranks.append(2 if question is None else int(in_part))
    return ranks.index(min(ranks))


def _question(claim: Claim, document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((each for each in document["questions"] if each["key"] == claim.question), None)


def _summary(claim: Claim, document: Mapping[str, Any], families: Sequence[str]) -> str:
    question = _question(claim, document)
    records = {} if question is None else question["families"]
    words = [
        claim.reads.get(records[name]["verdict"], NOT_SHOWN) if name in records else "not asked" for name in families
    ]
    return f"| {claim.title} | {document['settings']['name']} | " + " | ".join(words) + " |"


def _section(claim: Claim, document: Mapping[str, Any], command: str) -> list[str]:
    lines = [f"## {claim.title}", "", f"**Published.** {claim.published}", ""]
    question = _question(claim, document)
    if question is None:
        needs = next(
            (each["needs"] for each in document["not_asked"] if each["question"] == claim.question), "more runs"
        )
        return [*lines, f"**Here.** Not asked: it would need {needs}.", ""]
    for name, record in question["families"].items():
        word = claim.reads.get(record["verdict"], NOT_SHOWN)
        lines += [f"**{name}: {word}.** Verdict *{record['verdict']}*: {record['sentence']}", ""]
    lines += [*_kinds_of_rewards(question), *_numbers(question)]
    method = f"{question['method'][:1].upper()}{question['method'][1:]}. {question['overturn']}"
    return [*lines, f"{method} Command: `{command}`, question `{claim.question}` of `findings.json`.", ""]


def _kinds_of_rewards(question: Mapping[str, Any]) -> list[str]:
    """By family, which rewards without truth raise pass@1, leave it or lower it; of the question of the gain alone."""
    if question["key"] != "gain":
        return []
    lines = []
    for name, record in question["families"].items():
        arms = {arm: told["gain"] for arm, told in record["arms"].items() if told["without_truth"] and told["gain"]}
        kinds = {
            "rises": [arm for arm, gain in arms.items() if rises(gain)],
            "falls": [arm for arm, gain in arms.items() if falls(gain)],
        }
        kinds["is not shown to move"] = [arm for arm in arms if arm not in kinds["rises"] + kinds["falls"]]
        said = "; ".join(f"it {word} under {', '.join(found)}" for word, found in kinds.items() if found)
        lines += [f"- {name}, pass@1 with rewards that have no truth: {said or 'none ran'}."]
    return [*lines, ""]


def _numbers(question: Mapping[str, Any]) -> list[str]:
    """A table of the arms' main numbers, for the questions that compare many arms."""
    keys, tested = TABLES.get(question["key"], ((), ""))
    if not keys:
        return []
    rows = [f"| family | reward | {' | '.join(keys)} | adjusted p |", "|---|---|" + "---|" * len(keys) + "---|"]
    for name, record in question["families"].items():
        for arm, told in record["arms"].items():
            numbers = " | ".join(interval(told[key]) for key in keys)
            rows.append(f"| {name} | {arm} | {numbers} | {_p_value(told[tested])} |")
    return [*rows, ""]


def _p_value(row: Mapping[str, Any] | None) -> str:
    if row is None or row["p_adjusted"] is None:
        return "–"
    return "< .001" if row["p_adjusted"] < 0.001 else f"{row['p_adjusted']:.3f}"


def _named(document: Mapping[str, Any], study: Path) -> str:
    """A shipped study by its name, another by its file."""
    name: str = document["settings"]["name"]
    return name if name in SHIPPED else str(study / "study.toml")


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the page, or prints it where no --page is given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, required=True, action="append", help="directory that assay study wrote")
    parser.add_argument("--contamination", type=Path, help="directory that assay contamination wrote")
    parser.add_argument("--page", type=Path, help="where to write the page; printed where not given")
    options = parser.parse_args(arguments)
    documents = [read_document(study) for study in options.study]
    pairs = zip(documents, options.study, strict=True)
    commands = [f"assay study {_named(document, study)} --out {study}" for document, study in pairs]
    given = " ".join(f"--study {study}" for study in options.study)
    audits = sections(options.study[0])
    if options.contamination is not None:
        told, command = contamination(options.contamination)
        audits += told
        commands.append(command)
        given += f" --contamination {options.contamination}"
    last = f"python benchmarks/findings_page.py {given} --page {options.page or 'PAGE'}"
    text = page(documents, commands, last, audits)
    if options.page is None:
        print(text, end="")
    else:
        write_text(options.page, text)


if __name__ == "__main__":
    try:
        main()
    except AssayError as error:
        print(f"findings_page: {error}", file=sys.stderr)
        sys.exit(2)
