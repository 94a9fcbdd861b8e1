"""What a bench says rose, fell, did not change or cannot be told, and of which tasks it speaks as transfer."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sample_rows import answers, audit_counts, responses, write

from assay.audits.bench import Benched, relation, summarise
from assay.audits.compare import compare
from assay.stats import holm

SCHEMA = Path(__file__).parents[2] / "docs" / "bench.md"
SAMPLING = {
    "judge": "j@1", "problems_hash": "0" * 16, "max_new_tokens": 64, "temperature": 1.0, "top_p": 1.0, "seed": 0,
    "template": ["plain:1"],
}  # fmt: skip
# (right of 8 by the base, right of 8 by the tuned model) of so many problems each
RISES, FALLS = [(2, 4)] * 30 + [(3, 4)] * 30, [(4, 2)] * 30 + [(4, 3)] * 30
SAME = [(k % 9, k % 9) for k in range(400)]
FEW = [(2, 6)] * 4


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    """From task -> counts, the summary of a bench of one tuned model."""

    def made(counts: dict[str, Sequence[tuple[int, int]]], trained_on: Sequence[str] | None) -> dict[str, Any]:
        benched = []
        for number, (task, pairs) in enumerate(counts.items()):
            folder = tmp_path / str(number)
            folder.mkdir(exist_ok=True)
            base, tuned = (answers(8, [pair[side] for pair in pairs]) for side in (0, 1))
            benched.append(Benched(task, task, str(number), SAMPLING, audit_counts(folder, base, tuned)))
        return summarise(benched, {"tuned": trained_on})

    return made


@pytest.mark.parametrize(
    ("task", "trained_on", "is_to_it"),
    [
        ("compose:edge", ["compose:edge"], "trained on"),
        ("compose:edge", ["countdown:seen", "compose:seen"], "related"),
        ("gsm8k", ["gsm8k:prompt=plain"], "related"),
        ("math500", ["math"], "related"),
        ("math500", ["countdown:seen"], "not trained on"),
        ("countdown:seen", ["compose:edge"], "not trained on"),
        ("countdown:seen", None, "not known"),
    ],
)
def test_what_a_task_is_to_the_training(task: str, trained_on: list[str] | None, is_to_it: str) -> None:
    assert relation(task, trained_on) == is_to_it


def test_four_kinds_of_change(bench: Any) -> None:
    """4 differing problems: no sign flip test of them reaches .05 (2 / 2^4 = .125), however large the difference."""
    summary = bench({"a": RISES, "b": FALLS, "c": SAME, "d": FEW}, ["a"])
    said = summary["summary"]["tuned"]
    found = {key: said[key] for key in ("rose", "fell", "no_change", "cannot_be_told")}
    assert found == {"rose": ["a"], "fell": ["b"], "no_change": ["c"], "cannot_be_told": ["d"]}
    assert [sentence.split(" (")[0] for sentence in said["sentences"]] == [
        "pass@1 rose on a",
        "pass@1 fell on b",
        "pass@1 changed by less than 0.02 on c",
        "These data cannot tell whether pass@1 changed on d",
        "By the tasks' own audits, not corrected for their number: a extended",
    ]
    change = summary["tasks"][0]["comparisons"]["tuned"]
    assert (change["pass_at_1"]["base"], change["pass_at_1"]["tuned"]) == (2.5 / 8, 0.5)
    assert change["pass_at_1"]["estimate"] == 1.5 / 8


def test_a_change_within_the_margin_is_none_or_slight(bench: Any) -> None:
    """Of 400 problems 20 rise by 1 of 8 (+.00625, an interval below .02), or 11 by 4 of 8 (+.01375, one above it)."""
    summary = bench({"a": [(2, 3)] * 20 + [(4, 4)] * 380, "b": [(2, 6)] * 11 + [(4, 4)] * 389}, ["c"])
    within, slight = (task["comparisons"]["tuned"] for task in summary["tasks"])
    assert within["p_holm"] < 0.05 and within["pass_at_1"]["low"] > 0 and within["pass_at_1"]["high"] < 0.02
    assert (within["change"], within["slight"]) == ("no change", False)
    assert slight["pass_at_1"]["estimate"] == 11 * 4 / 8 / 400 and slight["pass_at_1"]["high"] > 0.02
    assert (slight["change"], slight["slight"]) == ("rose", True)
    said = summary["summary"]["tuned"]
    assert said["sentences"][0].startswith("pass@1 rose on b slightly (+0.014, 95 % interval +0.0")
    assert said["sentences"][1].startswith("pass@1 changed by less than 0.02 on a (+0.006")
    assert "the training transfers to b slightly." in said["transfer"]


def test_a_verdict_of_change_is_said_with_pass_at_K(bench: Any) -> None:
    """The base solves all once in 8, the tuned model half never, half twice: as often right, on fewer problems.

    pass@4 is 1/2 before; after, 0 and 1 - C(6,4)/C(8,4) = 1 - 15/70: the mean difference is (-1/2 + 20/70) / 2 = -.107.
    """
    said = bench({"a": [(1, 0)] * 60 + [(1, 2)] * 60, "b": SAME}, None)["summary"]["tuned"]
    assert said["cannot_be_told"] == ["a"]
    last = said["sentences"][-1]
    assert last.startswith("By the tasks' own audits, not corrected for their number: a narrowed (pass@4 -0.107, 95 %")
    assert last.count("pass@") == 1


def test_models_that_reach_less_than_guessing_are_named(tmp_path: Path) -> None:
    """A blind guess is right with chance .5; the base is in 3 of 8, the tuned model in 5."""
    files = [
        write(tmp_path / f"{name}.parquet", responses(dict.fromkeys(range(9), marks), guess_probability=0.5))
        for name, marks in (("base", "11100000"), ("tuned", "11111000"))
    ]
    summary = summarise([Benched("a", "a", "a", SAMPLING, compare(files))], {"tuned": ["a"]})
    (task,) = summary["tasks"]
    assert (task["below_guessing"], task["problems"], task["verdict_problems"]) == (["base"], 9, 0)
    assert summary["notes"][0] == "a: pass@1 of base is below what guessing reaches (0.500)."


def test_two_equal_samplings_of_few_problems_are_no_proof_of_no_change(bench: Any) -> None:
    """40 problems, none of which differs: with 95 % at most 9 % of others would (1 - .025^(1/40)), so up to +-.088."""
    said = bench({"a": SAME[:40]}, None)
    assert said["summary"]["tuned"]["cannot_be_told"] == ["a"]
    assert said["tasks"][0]["comparisons"]["tuned"]["pass_at_1"]["high"] == pytest.approx(1 - 0.025 ** (1 / 40))


def test_a_change_must_hold_against_the_number_of_tasks(bench: Any) -> None:
    """Six of 6 problems differ, all upwards: p = 2 / 2^6 = .031. Alone a rise, among four such tasks none."""
    six = [(2, 4), (2, 5), (2, 6), (3, 4), (3, 5), (3, 7)]
    alone = bench({"a": six}, None)["tasks"][0]["comparisons"]["tuned"]
    assert alone["change"] == "rose" and alone["p_holm"] == pytest.approx(2 / 2**6, abs=0.006)
    for task in bench(dict.fromkeys("abcd", six), None)["tasks"]:
        told = task["comparisons"]["tuned"]
        assert told["change"] == "cannot be told"
        assert told["p_holm"] == pytest.approx(holm([alone["p_holm"]] * 4)[0])


def test_the_intervals_are_those_of_the_audit(bench: Any, tmp_path: Path) -> None:
    """pass@1 and, with 8 answers, pass@4 over all problems: bit by bit what findings.json says."""
    summary = bench({"a": RISES}, None)
    base, tuned = (answers(8, [pair[side] for pair in RISES]) for side in (0, 1))
    findings = audit_counts(tmp_path, base, tuned)
    difference = findings["comparisons"]["tuned"]["pass_at_k_difference"]
    told = summary["tasks"][0]["comparisons"]["tuned"]
    for key, k in (("pass_at_1", "1"), ("pass_at_K", "4")):
        assert {name: told[key][name] for name in ("estimate", "low", "high")} == difference[k]


def test_transfer_speaks_only_of_tasks_that_were_not_trained_on(bench: Any) -> None:
    counts = {"compose:seen": RISES, "compose:edge": RISES, "countdown:seen": FALLS, "gsm8k": SAME}
    said = bench(counts, ["compose:seen"])["summary"]["tuned"]
    assert said["transfer"] == (
        "Of 2 tasks other than what tuned was trained on (compose:seen), pass@1 rose on none: no transfer is seen. "
        "It fell on countdown:seen."
    )
    assert said["sentences"][-1] == "Other rungs or options of what it was trained on: compose:edge rose."


@pytest.mark.parametrize(
    ("counts", "trained_on", "says"),
    [
        ({"a": FEW, "b": RISES, "c": SAME}, ["d"], "rose on 1: the training transfers to b. Too little is known of a."),
        ({"a": FEW, "c": SAME}, ["d"], "rose on none: transfer cannot be told. Too little is known of a."),
        ({"a": RISES}, ["a"], "No task here is other than what tuned was trained on (a), so nothing is said"),
        ({"a": RISES}, None, "It is not known what tuned was trained on, so nothing is said about transfer"),
    ],
)
def test_the_sentence_about_transfer(bench: Any, counts: Any, trained_on: list[str] | None, says: str) -> None:
    assert says in bench(counts, trained_on)["summary"]["tuned"]["transfer"]


def test_what_could_not_be_judged_tells_nothing(tmp_path: Path) -> None:
    """One of 8 answers to each of 60 problems is unknown: what is left rose, and that may come from what is missing."""
    files = [
        write(tmp_path / f"{name}.parquet", responses(dict.fromkeys(range(60), marks), stop=stop))
        for name, marks, stop in (("base", "1100000?", "eos"), ("tuned", "11110000", "length"))
    ]
    summary = summarise([Benched("a", "a", "a", SAMPLING, compare(files))], {"tuned": ["a"]})
    assert summary["summary"]["tuned"]["cannot_be_told"] == ["a"]
    assert summary["notes"][:2] == [
        "a: 12.5% of the responses of base could not be judged, so that nothing is said of it.",
        "a: 100.0% of the responses of tuned were cut off by the length limit.",
    ]


def test_every_tuned_model_has_its_own_sentences(tmp_path: Path) -> None:
    """Holm's correction is over both models' comparisons."""
    counts = {"base": 2, "up": 4, "down": 1}
    files = [
        write(tmp_path / f"{name}.parquet", responses(dict.fromkeys(range(30), "1" * right + "0" * (8 - right))))
        for name, right in counts.items()
    ]
    summary = summarise([Benched("a", "a", "a", SAMPLING, compare(files))], {"up": ["b"], "down": None})
    assert (summary["summary"]["up"]["rose"], summary["summary"]["down"]["fell"]) == (["a"], ["a"])
    assert summary["trained_on"] == {"up": ["b"], "down": None} and summary["settings"]["comparisons"] == 2


def keys_in_schema(section: str) -> set[str]:
    """First cells of the table in a section of docs/bench.md."""
    text = SCHEMA.read_text(encoding="utf-8").split(f"## {section}")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+) \|", text, re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"\w+", cell)}


def test_the_document_has_the_documented_keys(bench: Any) -> None:
    summary = bench({"a": RISES}, ["a"])
    assert set(summary) == keys_in_schema("bench.json")
    assert set(summary["summary"]["tuned"]) == keys_in_schema("summary of a tuned model")
    assert set(summary["tasks"][0]) == keys_in_schema("task")
    assert set(summary["tasks"][0]["comparisons"]["tuned"]) == keys_in_schema("comparison")
    assert set(summary["settings"]) == keys_in_schema("settings")
