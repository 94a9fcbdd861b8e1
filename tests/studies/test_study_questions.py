"""What a study answers, on made samples whose answers are known; and never more than its runs can show.

Every problem has 8 answers. Trained models differ from problem to problem, by -1, 0 or 1 eighth of right answers, and
again from seed to seed; both sum to 0 over the 24 problems, so means are exact.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy.stats import false_discovery_control

from assay.errors import DataError
from assay.samples import read_responses, write_samples
from assay.store import Run
from assay.studies.document import write
from assay.studies.matrix import Cell
from made_findings import Answers, N, made_study, right

PROBLEMS = 24
CONTROLS = {
    "a": {"reward": ["verifier"]},
    "b": {"reward": ["random:0.3"]},
    "c": {"reward": ["majority:votes"]},
}
CLIPPED = {
    "x": {"reward": ["random"], "set": ["algorithm.updates=4"]},
    "y": {"reward": ["random"], "set": ["algorithm.updates=1"]},
    "z": {"reward": ["random"], "set": ["algorithm.updates=4", "algorithm.clip=false"]},
}
PAIR = {"a": {"reward": ["ground_truth"]}, "d": {"reward": ["ground_truth"], "set": ["algorithm.name=dr-grpo"]}}


def shares(gain: float, seed: int | None) -> list[float]:
    """Of a base of 2 or 4 eighths by turns, with this gain; the base itself without a seed."""
    moves = [0] * PROBLEMS
    if seed is not None:
        moves = [(at // 2) % 3 - 1 + (at // 8 + seed) % 3 - 1 for at in range(PROBLEMS)]
    return [(2 + 2 * (at % 2) + move) / 8 + gain for at, move in enumerate(moves)]


def gaining(gains: dict[str, float]) -> Answers:
    """Answers of arms that gain so much in pass@1."""

    def answers(cell: Cell | None, task: str, matched: bool) -> Sequence[Sequence[tuple[bool, str, int]]]:
        return right(shares(0.0 if cell is None else gains[cell.arm], None if cell is None else cell.seed))

    return answers


def ask(document: dict[str, Any], key: str) -> dict[str, Any]:
    """A question's only family."""
    question = next(each for each in document["questions"] if each["key"] == key)
    assert len(question["families"]) == 1
    return question["families"]["code-base"]


@pytest.mark.parametrize(("luck", "verdict"), [(0.25, "no"), (0.0, "yes"), (0.125, "not shown")])
def test_the_gain_needs_the_true_reward_where_no_other_reproduces_half(
    luck: float, verdict: str, tmp_path: Path
) -> None:
    """The true gain is 2 eighths: luck reproduces all, nothing or just half of it. A majority is no reward without
    truth, whatever it gains."""
    document = write(made_study(tmp_path, gaining({"a": 0.25, "b": luck, "c": 0.25}), CONTROLS))
    gain = ask(document, "gain")
    assert gain["verdict"] == verdict
    assert gain["arms"]["a"]["gain"]["estimate"] == pytest.approx(0.25)
    assert gain["arms"]["b"]["share"]["estimate"] == pytest.approx(luck / 0.25, abs=1e-9)
    assert gain["arms"]["c"]["share"]["estimate"] == pytest.approx(1.0)
    assert not gain["arms"]["c"]["without_truth"]
    assert document["verdicts"][0] | {"sentence": ""} == {
        "question": "gain", "family": "code-base", "verdict": verdict, "sentence": "",
    }  # fmt: skip
    assert (tmp_path / "findings.json").is_file()


def test_p_values_are_corrected_over_all_tests_of_the_study_and_a_gain_counts_once(tmp_path: Path) -> None:
    """Gains of three arms on the first task and of the true arm on another, half the gain, and wrong responses. The
    true arm's gain on the first task is read by two questions; the other arms' on the other task by no verdict."""
    tasks = ["compose:seen", "compose:edge"]
    document = write(made_study(tmp_path, gaining({"a": 0.25, "b": 0.0, "c": 0.25}), CONTROLS, tasks=tasks))
    gain, others, lengths = (ask(document, key)["arms"] for key in ("gain", "generality", "lengths"))
    rows = [*(arm["gain"] for arm in gain.values()), gain["b"]["half"], others["a"][tasks[1]], lengths["a"]["wrong"]]
    tested = [row for row in rows if row["p_value"] is not None]
    assert document["tests"] == len(tested) >= 5
    assert [row["p_adjusted"] for row in tested] == pytest.approx(
        false_discovery_control([row["p_value"] for row in tested])
    )
    assert others["a"][tasks[0]] == gain["a"]["gain"]
    assert others["b"][tasks[1]]["p_adjusted"] is None


def test_one_seed_gives_numbers_and_no_verdict(tmp_path: Path) -> None:
    document = write(made_study(tmp_path, gaining({"a": 0.25, "b": 0.0, "c": 0.2}), CONTROLS, seeds=[0]))
    gain = ask(document, "gain")
    assert gain["arms"]["a"]["gain"]["estimate"] == pytest.approx(0.25)
    assert gain["arms"]["a"]["gain"]["p_value"] is gain["arms"]["a"]["gain"]["p_adjusted"] is None
    assert {each["verdict"] for each in document["verdicts"]} == {"not shown"}
    assert "fewer than three seeds" in gain["sentence"] and "one seed cannot show" in document["notes"][0]


def test_a_missing_run_is_missing_and_never_0(tmp_path: Path) -> None:
    skip = [Cell("code-base", "b", seed) for seed in (0, 1, 2)] + [Cell("code-base", "a", 1)]
    matrix = made_study(tmp_path, gaining({"a": 0.25, "b": 0.0, "c": 0.25}), CONTROLS, skip=skip)
    matrix.failure(skip[0]).write_text("ran out of memory\n", encoding="utf-8")
    matrix.samples("compose:seen", "code-base", Cell("code-base", "c", 2)).unlink()
    Run(matrix.run(Cell("code-base", "c", 1))).update_manifest(status="training")
    document = write(matrix)
    gain = ask(document, "gain")
    assert gain["arms"]["b"]["gain"] is None and gain["arms"]["b"]["share"] is None
    assert gain["arms"]["a"]["gain"]["seeds"] == 2
    assert gain["verdict"] == "not shown"
    settings = document["settings"]
    assert settings["failed"] == {"code-base, b, seed 0": "ran out of memory"}
    assert settings["missing"] == [
        "code-base, a, seed 1",
        "code-base, b, seed 1",
        "code-base, c, seed 1",
        "code-base, b, seed 2",
        "code-base, c, seed 2",
    ]
    assert "6 of 9 runs are missing" in document["notes"][0]
    assert {(run["arm"], run["seed"]) for run in document["runs"]} == {("a", 0), ("a", 2), ("c", 0)}


def test_a_study_without_runs_answers_nothing(tmp_path: Path) -> None:
    skip = [Cell("code-base", arm, seed) for arm in CONTROLS for seed in (0, 1, 2)]
    document = write(made_study(tmp_path, gaining({}), CONTROLS, skip=skip))
    assert document["questions"] == document["verdicts"] == document["runs"] == []
    assert len(document["not_asked"]) == 6


@pytest.mark.parametrize(
    ("several", "no_clip", "verdict"),
    [(0.25, 0.0, "through the clip"), (0.0, 0.0, "not shown"), (0.25, 0.25, "not through the clip alone")],
)
def test_the_clip(several: float, no_clip: float, verdict: str, tmp_path: Path) -> None:
    def metrics(cell: Cell) -> dict[str, float]:
        return {"clip_ratio/low_mean": 0.01, "clip_ratio/high_mean": 0.02 + 0.01 * cell.seed} if cell.arm == "x" else {}

    answers = gaining({"x": several, "y": 0.0, "z": no_clip})
    clipping = ask(write(made_study(tmp_path, answers, CLIPPED, metrics=metrics)), "clipping")
    assert clipping["verdict"] == verdict
    arms = clipping["arms"]
    assert {role: told["arm"] for role, told in arms.items()} == {
        "several updates": "x", "one update": "y", "no clip": "z",
    }  # fmt: skip
    assert arms["several updates"]["high"]["estimate"] == pytest.approx(0.03), "the mean over seeds"
    assert arms["one update"]["high"] is None, "what was not logged is not known"
    assert arms["several updates"]["strategy"]["estimate"] == 0


def test_no_effect_is_told_where_a_larger_one_is_excluded_and_of_arms_that_differ_in_nothing_else(
    tmp_path: Path,
) -> None:
    def answers(cell: Cell | None, task: str, matched: bool) -> Sequence[Sequence[tuple[bool, str, int]]]:
        return right(400 * [3 / 8])

    assert (
        ask(write(made_study(tmp_path / "same", answers, CLIPPED)), "clipping")["verdict"] == "no effect at this size"
    )
    rate, updates = "optimizer.learning_rate=1e-5", "algorithm.updates=2"
    for name, override in (("rate", rate), ("updates", updates)):
        arms = CLIPPED | {"z": {"reward": ["random"], "set": [*CLIPPED["z"]["set"], override]}}
        document = write(made_study(tmp_path / name, answers, arms))
        assert "clipping" in [each["question"] for each in document["not_asked"]], override


def test_settings_are_compared_as_they_come_out_and_not_as_they_are_written(tmp_path: Path) -> None:
    """The recipe has 2 updates: an arm that says so again is trained alike. Dr. GRPO at another rate is no pair."""

    def answers(cell: Cell | None, task: str, matched: bool) -> Sequence[Sequence[tuple[bool, str, int]]]:
        return right(30 * [3 / 8])

    said = {"b": {"reward": ["random"], "set": ["algorithm.updates=2"]}}
    document = write(made_study(tmp_path / "alike", answers, {"a": CONTROLS["a"]} | said))
    assert "gain" in [each["key"] for each in document["questions"]]
    arms = PAIR | {"d": {"reward": ["ground_truth"], "set": [*PAIR["d"]["set"], "optimizer.learning_rate=1e-3"]}}
    record = ask(write(made_study(tmp_path / "pair", answers, arms)), "lengths")
    assert record["wrong_contrast"] is None


def test_half_of_the_gain_under_one_reward_is_enough_where_another_is_missing(tmp_path: Path) -> None:
    arms = CONTROLS | {"d": {"reward": ["format"]}}
    skip = [Cell("code-base", "d", seed) for seed in (0, 1, 2)]
    answers = gaining({"a": 0.25, "b": 0.25, "c": 0.25})
    assert ask(write(made_study(tmp_path, answers, arms, skip=skip)), "gain")["verdict"] == "no"


def test_contributions_add_up_to_the_gain(tmp_path: Path) -> None:
    """Base: 4 prose with 1 right, 4 code with 2 right; trained: 2 prose with 1 right, 6 code all right.

    prose to code: 1/2 6/8 - 1/8 6/8 = 9/32, code to code: 1/2 6/8 - 2/8 6/8 = 6/32, prose to prose: 1/2 1/8 - 1/8 2/8 =
    1/32, code to prose: 1/2 1/8 - 2/8 2/8 = 0. Together 16/32, the gain from 3/8 to 7/8. Of it a quarter more of
    code, at .75 right against .375, is 3/32; code that is better by a half at a share of 5/8, and prose by a quarter at
    3/8, 13/32.
    """
    base = [(True, "prose", 9)] + 3 * [(False, "prose", 9)] + 2 * [(True, "code", 9)] + 2 * [(False, "code", 9)]
    tuned = [(True, "prose", 9), (False, "prose", 9)] + 6 * [(True, "code", 9)]

    def answers(cell: Cell | None, task: str, matched: bool) -> list[list[tuple[bool, str, int]]]:
        return 100 * [base if cell is None else tuned]

    record = ask(write(made_study(tmp_path, answers, {"a": CONTROLS["a"]})), "strategies")
    arm = record["arms"]["a"]
    found = {(pair["from"], pair["to"]): pair["estimate"] for pair in arm["contributions"]}
    assert found == {
        ("code", "code"): 6 / 32, ("code", "prose"): 0, ("prose", "code"): 9 / 32, ("prose", "prose"): 1 / 32,
    }  # fmt: skip
    assert sum(found.values()) == arm["gain"]["estimate"] == 0.5
    assert (arm["switching"]["estimate"], arm["within"]["estimate"]) == (3 / 32, 13 / 32)
    assert record["verdict"] == "from better answers within a strategy"


@pytest.mark.parametrize(
    ("mix", "better", "verdict"),
    [(True, False, "from switching"), (False, True, "from better answers within a strategy")],
)
def test_nobody_switches_where_the_mix_stays(mix: bool, better: bool, verdict: str, tmp_path: Path) -> None:
    """Base: 6 prose with 1 right, 2 code with 1 right. Trained: 2 prose with 0 or 1 right and 6 code, half of them
    right; or 6 prose with 5 right and 2 code with 2."""

    def answers(cell: Cell | None, task: str, matched: bool) -> list[list[tuple[bool, str, int]]]:
        prose, code = (2, 6) if cell and mix else (6, 2)
        good = (prose - 1, code) if cell and better else (prose // 6, code // 2)
        return 60 * [
            [(at < rights, name, 9) for name, size, rights in zip(("prose", "code"), (prose, code), good, strict=True)
             for at in range(size)]
        ]  # fmt: skip

    record = ask(write(made_study(tmp_path, answers, {"a": CONTROLS["a"]})), "strategies")
    assert record["verdict"] == verdict
    assert (record["arms"]["a"]["switching"]["estimate"] == 0) is better


def test_a_model_that_has_no_strategy_left_is_one_of_unlabelled_answers(tmp_path: Path) -> None:
    def answers(cell: Cell | None, task: str, matched: bool) -> Sequence[Sequence[tuple[bool, str | None, int]]]:
        names = ("prose", "code") if cell is None else (None, None)
        return 30 * [[(at % 2 == 0, names[at % 4 // 2], 9) for at in range(8)]]

    record = ask(write(made_study(tmp_path, answers, {"a": CONTROLS["a"]})), "strategies")
    assert record["arms"]["a"]["shares"]["unlabelled"]["estimate"] == 1


@pytest.mark.parametrize(("recovers", "verdict"), [(True, "yes"), (False, "no")])
def test_narrowing_is_only_a_temperature_where_it_goes_with_it(recovers: bool, verdict: str, tmp_path: Path) -> None:
    """Base: 3 of 8 right everywhere, so pass@4 = 1 - C(5,4) / C(8,4) = 13/14. Trained: all right on every other
    problem and none on the others, so pass@1 = pass@4 = 1/2. At the matched temperature it has 3 right, or 4 on one
    problem in three, where pass@4 is 1 - C(4,4) / C(8,4) = 69/70."""

    def answers(cell: Cell | None, task: str, matched: bool) -> Sequence[Sequence[tuple[bool, str, int]]]:
        if cell is None:
            return right(PROBLEMS * [3 / 8])
        if matched and recovers:
            return right([(3 + (at % 3 == 0)) / 8 for at in range(PROBLEMS)])
        return right([float(at % 2) for at in range(PROBLEMS)])

    matrix = made_study(tmp_path, answers, {"a": CONTROLS["a"]}, matched=["a"])
    cell = next(matrix.cells())
    arm = ask(write(matrix), "temperatures")["arms"]["a"]
    assert arm["verdict"] == verdict
    assert arm["tuned_minus_base"]["estimate"] == pytest.approx(1 / 2 - 13 / 14)
    assert arm["matched_minus_base"]["estimate"] == pytest.approx(1 / 3 * 4 / 70 if recovers else 1 / 2 - 13 / 14)
    assert arm["temperatures"] == [1.5, 1.5, 1.5]
    assert arm["entropy"]["base"]["estimate"] == pytest.approx(0.5)
    assert arm["entropy"]["base"]["low"] is None, "nats are no shares: nothing varies, so no bound is told"
    trail = matrix.samples("compose:seen", "code-base", cell, matched=True).with_suffix(".json")
    trail.write_text(json.dumps({"reached": False}), encoding="utf-8")
    arm = ask(write(matrix), "temperatures")["arms"]["a"]
    assert (arm["verdict"], arm["not_reached"]) == ("not shown", ["code-base, a, seed 0"])


def test_problems_that_can_be_guessed_say_nothing_of_narrowing(tmp_path: Path) -> None:
    def answers(cell: Cell | None, task: str, matched: bool) -> Sequence[Sequence[tuple[bool, str, int]]]:
        return right(PROBLEMS * [3 / 8] if cell is None else [float(at % 2) for at in range(PROBLEMS)])

    matrix = made_study(tmp_path, answers, {"a": CONTROLS["a"]}, matched=["a"])
    for file in (tmp_path / "samples").rglob("*.parquet"):
        chance = pl.when(pl.col("problem").rank("dense") <= 5).then(0.9).otherwise(0.001)
        write_samples(file, read_responses(file).with_columns(guess_probability=chance))
    guessed = read_responses(file).filter(pl.col("guess_probability") > 0.5)["problem"].n_unique()
    record = ask(write(matrix), "temperatures")
    assert guessed == 5 and record["can_tell"]
    assert (record["can_be_guessed"], record["problems"]) == (guessed, PROBLEMS - guessed)
    for file in (tmp_path / "samples").rglob("*.parquet"):
        write_samples(file, read_responses(file).with_columns(guess_probability=0.9))
    record = ask(write(matrix), "temperatures")
    assert not record["can_tell"] and record["verdict"] == "not shown"


def test_tasks_not_trained_on(tmp_path: Path) -> None:
    def answers(cell: Cell | None, task: str, matched: bool) -> Sequence[Sequence[tuple[bool, str, int]]]:
        return right(shares(0.25 if cell and task == "compose:seen" else 0.0, cell.seed if cell else None))

    matrix = made_study(tmp_path, answers, {"a": CONTROLS["a"]}, tasks=["compose:seen", "compose:edge", "chain:seen"])
    record = ask(write(matrix), "generality")
    assert record["verdict"] == "shown on the first task alone"
    assert [told["relation"] for told in record["tasks"].values()] == ["trained on", "related", "not trained on"]
    assert record["arms"]["a"]["chain:seen"]["estimate"] == pytest.approx(0)


def test_wrong_responses_that_grow_with_grpo_alone(tmp_path: Path) -> None:
    """Three quarters of the answers are wrong, of 10 tokens, and of 16 on average with GRPO: the mean of all grows by
    3/4 6, and all of that comes from wrong responses."""

    def answers(cell: Cell | None, task: str, matched: bool) -> list[list[tuple[bool, str, int]]]:
        longer = [0 if cell is None or cell.arm != "a" else 5 + at % 3 for at in range(PROBLEMS)]
        return [
            [(member < 2, "prose", 10 + (member >= 2) * longer[at]) for member in range(N)] for at in range(PROBLEMS)
        ]

    document = write(made_study(tmp_path, answers, PAIR))
    record = ask(document, "lengths")
    assert record["verdict"] == "yes"
    arm = record["arms"]["a"]
    assert (arm["right"]["estimate"], arm["wrong"]["estimate"]) == (0, pytest.approx(6))
    parts = [arm[part] for part in ("from_right", "from_wrong", "from_accuracy")]
    assert parts == pytest.approx([0, 4.5, 0]) and sum(parts) == pytest.approx(arm["all"]["estimate"])
    assert record["wrong_contrast"]["estimate"] == pytest.approx(6)
    assert [each["question"] for each in document["not_asked"]] == [
        "gain",
        "clipping",
        "strategies",
        "temperatures",
        "generality",
    ]


def test_lengths_that_all_change_alike_have_no_bounds(tmp_path: Path) -> None:
    """Every wrong response is one token longer with GRPO and as it was with Dr. GRPO. How far others may change is not
    known: tokens, unlike shares, do not end at 1. The change of right ones varies, and has bounds."""

    def answers(cell: Cell | None, task: str, matched: bool) -> list[list[tuple[bool, str, int]]]:
        grows = cell is not None and cell.arm == "a"
        return [
            [(member < 2, "prose", 10 + grows * (at % 2 if member < 2 else 1)) for member in range(N)]
            for at in range(PROBLEMS)
        ]

    record = ask(write(made_study(tmp_path, answers, PAIR)), "lengths")
    grown, kept = record["arms"]["a"], record["arms"]["d"]
    for row, estimate in ((grown["wrong"], 1), (kept["wrong"], 0), (record["wrong_contrast"], 1)):
        assert (row["estimate"], row["low"], row["high"]) == (pytest.approx(estimate), None, None)
    assert grown["right"]["estimate"] == pytest.approx(0.5) and grown["right"]["low"] < 0.5 < grown["right"]["high"]
    assert record["verdict"] == "not shown"


def test_samples_that_an_audit_refuses_are_refused(tmp_path: Path) -> None:
    matrix = made_study(tmp_path, gaining({"a": 0.25, "b": 0.0, "c": 0.2}), CONTROLS)
    file = matrix.samples("compose:seen", "code-base", Cell("code-base", "b", 1))
    write_samples(file, read_responses(file).with_columns(temperature=0.7))
    with pytest.raises(DataError, match="different temperature"):
        write(matrix)


def test_the_same_runs_give_the_same_bytes_and_every_evidence_is_shown(tmp_path: Path) -> None:
    matrix = made_study(tmp_path, gaining({"a": 0.25, "b": 0.0, "c": 0.2}), CONTROLS)
    document = write(matrix)
    first = matrix.findings.read_bytes()
    write(matrix)
    assert matrix.findings.read_bytes() == first
    shown = {example["id"] for example in document["examples"]}
    named = {name for question in document["questions"] for name in question["evidence"]}
    assert named and named <= shown


def test_evidence_is_of_the_samples_that_a_question_is_about_and_names_their_files(tmp_path: Path) -> None:
    """Matched ones for temperatures, other tasks for generality; of the true arm, which is the one they ask about."""
    tasks = ("compose:seen", "chain:seen")
    matrix = made_study(tmp_path, gaining({"a": 0.25, "b": 0.0, "c": 0.2}), CONTROLS, tasks=tasks, matched=["a"])
    document = write(matrix)
    examples = {example["id"]: example for example in document["examples"]}
    of = {each["key"]: [examples[name] for name in each["evidence"]] for each in document["questions"]}
    here, there = "compose:seen", "chain:seen"
    assert {(each["arm"], each["task"], each["matched"], each["temperature"]) for each in of["temperatures"]} == {
        ("a", here, False, 1.0), ("a", here, True, 1.5),
    }  # fmt: skip
    assert {(each["arm"], each["task"], each["matched"]) for each in of["generality"]} == {
        ("a", here, False), ("a", there, False),
    }  # fmt: skip
    assert {(each["task"], each["matched"]) for each in of["gain"]} == {(here, False)}
    for each in examples.values():
        assert each["seed"] == 0 and all((tmp_path / file).is_file() for file in each["files"])
        assert ".matched." in each["files"][1] if each["matched"] else f"--{each['arm']}-0.parquet" in each["files"][1]
