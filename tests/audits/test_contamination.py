"""Contamination: ROUGE-L and exact match by hand, verdicts on made files, the error under no difference, bad files."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assay.audits.contamination import CANNOT_TELL, CONTAMINATED, NOT_SHOWN, decide, difference, measure
from assay.audits.recall import exact, lcs, read_continued, rouge_l
from assay.errors import DataError


@pytest.mark.parametrize(
    ("one", "other", "length"),
    [("a b c d", "a c d", 3), ("a b c", "c b a", 1), ("x y", "a b", 0), ("a b a b", "b a b a", 3), ("", "a", 0)],
)
def test_the_longest_common_subsequence(one: str, other: str, length: int) -> None:
    assert lcs(one.split(), other.split()) == length == lcs(other.split(), one.split())


def test_it_is_that_of_all_subsequences() -> None:
    generator = np.random.default_rng(0)
    for _ in range(30):
        one, other = ("".join(generator.choice(list("abc"), size)) for size in (7, 6))
        every = {tuple(each) for size in range(8) for each in combinations(one, size)}
        shared = every & {tuple(each) for size in range(7) for each in combinations(other, size)}
        assert lcs(one, other) == max(map(len, shared))


def test_a_continuation_counts_as_far_as_the_rest_goes() -> None:
    """Of 'a b c d' the words 'a x c' are LCS 2, F = 2 x 2 / (4 + 3); what is written after the rest counts nowhere."""
    assert rouge_l("a b c d", "a x c") == pytest.approx(4 / 7)
    assert rouge_l("a b", " a  b\nso the answer is 4") == 1 and exact("a b", " a  b\nso the answer is 4")
    assert rouge_l("a b", "") == 0 and not exact("a b", "a") and not exact("a b", "a c")


def rows(known: int, problems: int = 40) -> list[dict[str, Any]]:
    """Of the suspect problems `known` are recalled from each share; of all others a half of the rest is guessed."""
    return [
        {
            "problem": f"{name} {at}",
            "set": name,
            "share": share,
            "tail": "a b c d",
            "continuation": "a b c d answer 1" if name == "suspect" and at < known else "a b x y",
            "answer_in": name == "suspect" and at < known,
        }
        for name in ("suspect", "clean")
        for at in range(problems)
        for share in (0.4, 0.8)
    ]


def audited(folder: Path, made: list[dict[str, Any]]) -> dict[str, Any]:
    file = folder / "model.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in made))
    found: dict[str, Any] = measure([file], ["m"])
    return found


def test_recall_beyond_the_clean_set_is_contamination(tmp_path: Path) -> None:
    """10 of 40 are known: ROUGE-L .25 + .75 / 2 against .5, exact .25 against 0."""
    found = audited(tmp_path, rows(10))
    told = found["models"]["m"]
    assert told["verdict"] == CONTAMINATED and told["problems"] == {"suspect": 40, "clean": 40}
    assert told["overall"]["estimate"] == pytest.approx(0.125)
    exact_at = told["shares"]["0.4"]["exact"]
    assert (exact_at["suspect"]["estimate"], exact_at["clean"]["estimate"]) == (0.25, 0)
    assert exact_at["p_value"] < 0.01 and told["shares"]["0.8"]["answer_in"]["estimate"] == 0.25
    best = told["examples"][0]
    assert (best["set"], best["share"], best["rouge_l"]) == ("suspect", 0.4, 1)
    assert [each["set"] for each in told["examples"]] == ["suspect"] * 4 + ["clean"] * 4
    assert found["findings"][0]["verdict"] == CONTAMINATED and len(found["findings"]) == 7


def test_as_good_as_the_clean_set_is_not_shown(tmp_path: Path) -> None:
    """Equal everywhere, and 40 problems bound the excess; of 4 nothing can be said; nor where wide open."""
    assert audited(tmp_path, rows(0))["models"]["m"]["verdict"] == NOT_SHOWN
    few = audited(tmp_path, rows(4, problems=4))["models"]["m"]
    assert few["verdict"] == CANNOT_TELL and "too few" in few["why"]
    mixed = np.tile([0.0, 1.0], 6)
    wide = difference(mixed, mixed)
    assert wide is not None and wide.high > 0.1 and decide(wide, {"suspect": 12, "clean": 12}) == CANNOT_TELL


def test_unknown_answers_are_left_out_and_never_wrong(tmp_path: Path) -> None:
    made = [row | {"answer_in": None} if row["share"] == 0.4 else row for row in rows(10)]
    shares = audited(tmp_path, made)["models"]["m"]["shares"]
    assert shares["0.4"]["answer_in"] is None and shares["0.8"]["answer_in"] is not None


def test_without_a_difference_contamination_is_told_in_5_percent_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 300 audits 7.5 % is two errors above; only an excess counts, so half of that is to be expected."""
    monkeypatch.setattr("assay.audits.contamination.RESAMPLES", 199)
    generator, told = np.random.default_rng(5), 0
    for _ in range(300):
        sets = [generator.beta(0.4, 1.5, 30) * (generator.random(30) < 0.7) for _ in range(2)]
        told += decide(difference(*sets), {"suspect": 30, "clean": 30}) == CONTAMINATED
    assert 0 < told / 300 < 0.05


def test_a_permutation_p_value_is_that_of_all_assignments() -> None:
    """3 and 3 that differ wholly: 2 of the 20 assignments are as extreme, p = .1."""
    found = difference(np.ones(3), np.zeros(3))
    assert found is not None and found.p_value == pytest.approx(0.1, abs=0.01)
    assert found.estimate == 1 == found.high and found.low < 0.5, "three problems of each bound little"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"set": "dirty"}, "line 1: column 'set' holds 'dirty'; expected suspect or clean"),
        ({"share": 40}, "column 'share' holds 40; expected a share between 0 and 1"),
        ({"share": "x"}, "column 'share' holds 'x'; expected a number"),
        ({"continuation": None}, "column 'continuation' holds no text"),
        ({"tail": " "}, "column 'tail' is empty"),
        ({"answer_in": 1}, "column 'answer_in' holds 1; expected true, false or null"),
    ],
)
def test_a_row_that_does_not_fit_is_named(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    made = rows(1, problems=1)
    with pytest.raises(DataError, match=said):
        audited(tmp_path, [made[0] | change, *made[1:]])


def test_the_same_continuation_twice_is_an_error(tmp_path: Path) -> None:
    made = rows(1, problems=1)
    with pytest.raises(DataError, match=r"line 5: continues the same problem from the same share as .*line 1"):
        audited(tmp_path, [*made, made[0]])


def test_csv_and_jsonl_say_the_same(tmp_path: Path) -> None:
    file = tmp_path / "made.csv"
    file.write_text("problem,set,share,tail,continuation,answer_in\np,suspect,0.4,a b,,true\nq,clean,0.4,a b,a b,\n")
    frame = read_continued(file)
    assert frame["rouge_l"].to_list() == [0, 1] and frame["answer_in"].to_list() == [1, None]
