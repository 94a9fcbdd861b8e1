"""Histogram, length, strategy, perplexity and examples, each by hand on a few rows."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_rows import answers, audit_counts, audit_rows, responses

from assay.audits.examples import EACH, LONGEST
from assay.audits.histogram import histogram
from assay.audits.strategy import contributions


def test_histogram_bins_are_closed_above() -> None:
    """Of 10: 0, 1 (.1), 2 (.2), 9 (.9), 10; of 20: 1 (.05), 3 (.15), 19 (.95)."""
    found = histogram(answers([10, 10, 10, 10, 10, 20, 20, 20], [0, 1, 2, 9, 10, 1, 3, 19]))
    assert {each["bin"]: each["problems"] for each in found if each["problems"]} == {
        "0": 1, "(0,.1]": 2, "(.1,.2]": 2, "(.8,.9]": 1, "(.9,1)": 1, "1": 1,
    }  # fmt: skip
    assert len(found) == 12 and sum(each["share"] for each in found) == 1


def row(problem: str, member: int, correct: bool | None, **columns: Any) -> dict[str, Any]:
    return {"problem": problem, "member": member, "correct": correct, **columns}


def lengths(*found: tuple[bool | None, int]) -> list[dict[str, Any]]:
    """Two problems, answers dealt to them in turn."""
    return [
        row("ab"[i % 2], i // 2, correct, length_tokens=tokens, stop="length" if tokens == 64 else "eos")
        for i, (correct, tokens) in enumerate(found)
    ]


def test_length_of_right_and_wrong_responses(tmp_path: Path) -> None:
    """Base: right 10, 20 (mean 15), wrong 30, 40 (35), all 25. Tuned: right 10, 20, 30 (20), wrong 64, all 31."""
    base = lengths((True, 10), (False, 30), (True, 20), (False, 40))
    tuned = lengths((True, 10), (False, 64), (True, 20), (True, 30))
    found = audit_rows(tmp_path, base, tuned)
    assert [found["length"]["base"][kind]["estimate"] for kind in ("right", "wrong", "all")] == [15, 35, 25]
    assert [found["length"]["tuned"][kind]["estimate"] for kind in ("right", "wrong", "all")] == [20, 64, 31]
    assert (found["length"]["base"]["truncated"], found["length"]["tuned"]["truncated"]) == (0, 0.25)
    change = found["comparisons"]["tuned"]["length"]
    assert [change[kind]["estimate"] for kind in ("right", "wrong", "all")] == [5, 29, 6]
    # Mean accuracy (.5 + .75)/2 = .625; right .625 x 5, wrong .375 x 29, accuracy (17.5 - 49.5) x .25.
    assert (change["from_right"], change["from_wrong"], change["from_accuracy"]) == (3.125, 10.875, -8)
    assert change["from_right"] + change["from_wrong"] + change["from_accuracy"] == change["all"]["estimate"]


def test_length_without_right_responses_is_null_and_still_adds_up(tmp_path: Path) -> None:
    base = lengths((False, 30), (False, 30), (False, 40), (False, 40))
    tuned = lengths((True, 10), (False, 20), (True, 20), (False, 30))
    found = audit_rows(tmp_path, base, tuned)
    assert found["length"]["base"]["right"] is None
    change = found["comparisons"]["tuned"]["length"]
    assert change["right"] is None and change["from_right"] == 0
    assert change["from_wrong"] + change["from_accuracy"] == pytest.approx(change["all"]["estimate"])


def test_unjudged_and_unmeasured_responses_are_left_out_of_lengths(tmp_path: Path) -> None:
    base = [
        *lengths((True, 10), (True, 20)),
        row("a", 9, None, length_tokens=1000),
        row("b", 9, True, length_tokens=None),
    ]
    found = audit_rows(tmp_path, base, lengths((True, 10), (True, 20)))
    assert found["length"]["base"]["responses"] == 2
    assert found["length"]["base"]["all"]["estimate"] == 15


def test_share_from_wrong_is_null_where_the_change_is_not_clear(tmp_path: Path) -> None:
    rows = lengths((True, 10), (False, 30), (True, 20), (False, 40))
    assert audit_rows(tmp_path, rows, rows)["comparisons"]["tuned"]["length"]["share_from_wrong"] is None
    base, tuned = (
        [row(str(i), 0, True, length_tokens=10 + i % 2) for i in range(20)]
        + [row(str(i), 1, False, length_tokens=more + i % 3) for i in range(20)]
        for more in (20, 60)
    )
    change = audit_rows(tmp_path, base, tuned)["comparisons"]["tuned"]["length"]
    assert change["from_wrong"] == 20 and change["share_from_wrong"] == 1


# arXiv 2506.10947, Fig. 7: problems, accuracy before and after, of those by code (C) or language (L) before and after.
FIGURE_7 = {
    "ground truth": {"CC": (165, 63.6, 72.1), "CL": (160, 58.1, 78.1), "LC": (72, 27.8, 77.8), "LL": (103, 28.2, 88.3)},
    "majority vote": {"CC": (243, 60.9, 70.8), "CL": (82, 61.0, 78.0), "LC": (119, 23.5, 80.7), "LL": (56, 37.5, 89.3)},
}
GAINS = {"ground truth": 28.8, "majority vote": 27.0}


@pytest.mark.parametrize("reward", FIGURE_7)
def test_contributions_of_one_answer_a_problem_are_those_of_the_paper(reward: str) -> None:
    """With one answer a problem the estimator is C_d: problems x change of accuracy; the sum is the gain."""
    cells = FIGURE_7[reward]
    shares, rights = {"base": [], "tuned": []}, {"base": [], "tuned": []}
    for switch, (problems, before, after) in cells.items():
        for model, strategy, accuracy in (("base", switch[0], before), ("tuned", switch[1], after)):
            used = np.array([strategy == "C", strategy == "L"], dtype=float)
            right = np.arange(problems) < round(problems * accuracy / 100)
            shares[model] += [used] * problems
            rights[model] += [used * each for each in right]
    arrays = [np.array(each) for each in (shares["base"], rights["base"], shares["tuned"], rights["tuned"])]
    weight_SS, contribution_SS = contributions(*arrays)
    for switch, (problems, before, after) in cells.items():
        where = "CL".index(switch[0]), "CL".index(switch[1])
        assert weight_SS[where] == pytest.approx(problems / 500)
        assert 100 * contribution_SS[where] == pytest.approx(problems / 500 * (after - before), abs=0.02)
    assert 100 * contribution_SS.sum() == pytest.approx(GAINS[reward], abs=0.05)


def test_strategy_mix_by_hand(tmp_path: Path) -> None:
    """One problem, 4 answers. Base: code right, code wrong, prose wrong twice. Tuned: 3 code right, 1 prose right.

    q = (1/2, 1/2), b = (1/4, 0), p = (3/4, 1/4), t = (3/4, 1/4). Contribution q_from t_to - b_from p_to:
    code -> code 3/8 - 3/16 = 3/16; code -> prose 1/8 - 1/16 = 1/16; prose -> code 3/8; prose -> prose 1/8. Sum 3/4.
    """

    def rows(*found: tuple[str | None, bool]) -> list[dict[str, Any]]:
        return [row("a", i, correct, strategy=name) for i, (name, correct) in enumerate(found)]

    base = rows(("code", True), ("code", False), ("prose", False), ("prose", False))
    tuned = rows(("code", True), ("code", True), ("code", True), ("prose", True))
    found = audit_rows(tmp_path, base, tuned)
    mix = found["comparisons"]["tuned"]["strategy"]
    assert {(each["from"], each["to"]): each["contribution"] for each in mix["contributions"]} == {
        ("code", "code"): 3 / 16, ("code", "prose"): 1 / 16, ("prose", "code"): 3 / 8, ("prose", "prose"): 1 / 8,
    }  # fmt: skip
    assert mix["gain"] == 3 / 4
    assert [each["weight"] for each in mix["contributions"]] == [3 / 8, 1 / 8, 3 / 8, 1 / 8]
    assert (mix["shares"]["code"]["base"], mix["shares"]["code"]["tuned"]) == (0.5, 0.75)
    code, prose = found["strategy"]["base"]
    assert (code["strategy"], code["responses"], code["accuracy"]["estimate"]) == ("code", 2, 0.5)
    assert prose["accuracy"]["estimate"] == 0


def test_contributions_add_up_to_the_gain(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)

    def rows() -> list[dict[str, Any]]:
        return [
            row(
                str(problem),
                member,
                bool(generator.random() < 0.4),
                strategy=[None, "code", "prose"][generator.integers(3)],
            )
            for problem in range(12)
            for member in range(int(generator.integers(3, 9)))
        ]

    found = audit_rows(tmp_path, rows(), rows())
    mix, curves = found["comparisons"]["tuned"]["strategy"], found["pass_at_k"]
    assert {each["from"] for each in mix["contributions"]} == {"code", "prose", "unlabelled"}
    assert sum(each["contribution"] for each in mix["contributions"]) == pytest.approx(mix["gain"])
    assert mix["gain"] == pytest.approx(curves["tuned"]["1"]["estimate"] - curves["base"]["1"]["estimate"])
    assert all(each["share"] is None for each in mix["contributions"])


def test_perplexity_by_hand(tmp_path: Path) -> None:
    """-log p a token: base 1 and 3 (mean 2), tuned 1 and 1: perplexities e^2 and e, ratio 1/e."""
    base = [
        row("a", 0, True, logprob_under=-10.0, length_tokens=10),
        row("b", 0, False, logprob_under=-6.0, length_tokens=2),
    ]
    tuned = [
        row("a", 0, True, logprob_under=-3.0, length_tokens=3),
        row("b", 0, True, logprob_under=-7.0, length_tokens=7),
    ]
    found = audit_rows(tmp_path, [{**r, "under": "B"} for r in base], [{**r, "under": "B"} for r in tuned])
    assert found["perplexity"]["base"]["estimate"] == pytest.approx(math.e**2)
    assert found["perplexity"]["base"]["right"] == pytest.approx(math.e)
    assert found["perplexity"]["base"]["wrong"] == pytest.approx(math.e**3)
    assert found["perplexity"]["tuned"]["wrong"] is None
    comparison = found["comparisons"]["tuned"]["perplexity"]
    assert comparison["base_on_base"]["estimate"] == pytest.approx(math.e**2)
    assert comparison["base_on_tuned"]["estimate"] == pytest.approx(math.e)
    assert comparison["ratio"]["estimate"] == pytest.approx(1 / math.e)


def test_perplexity_under_two_models_is_not_compared(tmp_path: Path) -> None:
    rows = [row(name, 0, True, logprob_under=-3.0, length_tokens=3) for name in "ab"]
    found = audit_rows(tmp_path, [{**r, "under": "B"} for r in rows], [{**r, "under": "C"} for r in rows])
    assert found["perplexity"]["tuned"]["under"] == "C"
    assert found["comparisons"]["tuned"]["perplexity"] is None


def test_the_bases_own_logprob_serves_at_temperature_1(tmp_path: Path) -> None:
    own = {"logprob": -4.0, "length_tokens": 2, "model": "B", "temperature": 1.0, "top_p": 1.0, "top_k": 0}
    base = [row(name, 0, True, **own) for name in "ab"]
    tuned = [row(name, 0, True, logprob_under=-2.0, length_tokens=2, under="B") for name in "ab"]
    found = audit_rows(tmp_path, base, tuned)
    assert found["comparisons"]["tuned"]["perplexity"]["base_on_base"]["estimate"] == pytest.approx(math.e**2)
    cooler = [{**r, "temperature": 0.6} for r in base]
    assert audit_rows(tmp_path, cooler, tuned)["comparisons"]["tuned"]["perplexity"] is None


def test_what_a_file_does_not_say_is_null(tmp_path: Path) -> None:
    found = audit_counts(tmp_path, answers(4, [1, 2]), answers(4, [3, 2]))
    for key in ("length", "strategy", "perplexity"):
        assert found[key] == {"base": None, "tuned": None}
        assert found["comparisons"]["tuned"][key] is None
    assert found["examples"] == []
    assert found["settings"]["models"]["base"]["truncated_share"] is None


def test_examples_are_of_every_kind_and_side_by_side(tmp_path: Path) -> None:
    written = {"only": "0100", "gain": "0001", "never": "0000", "new": "0000", "loss": "1110"}
    after = {"only": "0000", "gain": "1110", "never": "0000", "new": "1000", "loss": "0010"}
    rows = [
        [
            {**r, "response": f"{side} {r['problem']} {r['member']}", "prompt": f"? {r['problem']}"}
            for r in responses(found)
        ]
        for side, found in (("base", written), ("tuned", after))
    ]
    examples = audit_rows(tmp_path, *rows)["examples"]
    assert {each["kind"]: each["problem"] for each in examples} == {
        "base_only": "only", "tuned_only": "new", "gained": "gain", "lost": "loss", "neither": "never",
    }  # fmt: skip
    first = examples[0]
    assert first["prompt"] == "? only" and first["comparison"] == "tuned"
    assert (first["base"]["label"], first["base"]["n"], first["base"]["correct"]) == ("base", 4, 1)
    assert first["base"]["right"]["response"] == "base only 1" and first["base"]["right"]["member"] == 1
    assert first["base"]["wrong"]["response"] == "base only 0"
    assert first["tuned"]["right"] is None and first["tuned"]["wrong"]["response"] == "tuned only 0"
    assert first["base"]["right"]["answer"] is None


def test_examples_are_few_and_cut(tmp_path: Path) -> None:
    rows = responses({str(i): "01" for i in range(20)}, response="x" * (LONGEST + 1))
    for each in rows:
        del each["member"]
    examples = audit_rows(tmp_path, rows, responses({str(i): "00" for i in range(20)}))["examples"]
    assert [each["kind"] for each in examples] == ["base_only"] * EACH
    right = examples[0]["base"]["right"]
    assert right["member"] == 1 and len(right["response"]) == LONGEST + len(" [...]")
    assert examples[0]["tuned"] == {"label": "tuned", "n": 2, "correct": 0, "right": None, "wrong": None}
