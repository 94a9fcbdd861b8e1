"""Best of n, majority and pass@n: by hand, against every subset, and what does not matter does not."""

import itertools
import json
import random
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sample_rows import write

from assay.audits import best_of_n as module
from assay.audits.best_of_n import best_of_n, measure, ranking
from assay.audits.majority import count_votes, majority_drawn, majority_exact
from assay.audits.scored import read_scored
from assay.errors import DataError
from assay.samples import write_samples
from assay.stats import pass_at_k

Answers = Sequence[str | None]


def best(scores: Sequence[float], right: str, ns: Sequence[int]) -> list[float]:
    """`right` is written as '101'."""
    return best_of_n(np.array(scores, dtype=float), np.array([mark == "1" for mark in right]), ns).tolist()


def majority(answers: Answers, right: str) -> list[float]:
    return majority_exact(count_votes(answers, [mark == "1" for mark in right])).tolist()


def mean_over_subsets(right: str, n: int, chosen: Any) -> Fraction:
    """Mean over all subsets of n places of the share right of the places that `chosen` may hand in from it."""
    subsets = list(itertools.combinations(range(len(right)), n))
    shares = []
    for subset in subsets:
        candidates = chosen(subset)
        weights = [Fraction(weight) * (right[at] == "1") for at, weight in candidates]
        shares.append(sum(weights, Fraction(0)))
    return sum(shares, Fraction(0)) / len(subsets)


def with_highest(scores: Sequence[float], subset: Sequence[int]) -> list[tuple[int, Fraction]]:
    top = max(scores[at] for at in subset)
    tied = [at for at in subset if scores[at] == top]
    return [(at, Fraction(1, len(tied))) for at in tied]


def by_vote(answers: Answers, subset: Sequence[int]) -> list[tuple[int, Fraction]]:
    votes = Counter(answers[at] for at in subset if answers[at] is not None)
    if not votes:
        return [(at, Fraction(1, len(subset))) for at in subset]
    leaders = [answer for answer, count in votes.items() if count == max(votes.values())]
    return [(at, Fraction(1, len(leaders) * votes[answers[at]])) for at in subset if answers[at] in leaders]


def test_three_responses_by_hand() -> None:
    """Scores 1, 2, 3, the middle one right. Of the three pairs only {1, 2} hands it in; of all three, 3 wins."""
    assert best([1, 2, 3], "010", [1, 2, 3]) == pytest.approx([1 / 3, 1 / 3, 0])


def test_ties_share_evenly_by_hand() -> None:
    """Scores 1, 5, 5, the last right. Pairs: {1,5 wrong} 0, {1, 5 right} 1, {5, 5} 1/2; of all three 1/2."""
    assert best([1, 5, 5], "001", [2, 3]) == pytest.approx([0.5, 0.5])
    assert best([5, 5, 5], "001", [1, 2, 3]) == pytest.approx([1 / 3] * 3)


def test_majority_by_hand() -> None:
    """7 and 7 right, 3 wrong. A pair {7, 7} hands in 7, the two pairs {7, 3} either: (1 + 1/2 + 1/2) / 3."""
    assert majority(["7", "7", "3"], "110") == pytest.approx([2 / 3, 2 / 3, 1])


def test_who_has_no_answer_abstains_by_hand() -> None:
    """One 7, two silent. Alone, one of three is right; of any pair with the 7, and of all three, the 7 is handed in."""
    assert majority(["7", None, None], "100") == pytest.approx([1 / 3, 2 / 3, 1])
    assert majority([None, None], "10") == pytest.approx([0.5, 0.5])


@pytest.mark.parametrize("seed", range(12))
def test_both_equal_the_mean_over_all_subsets(seed: int) -> None:
    """Up to 7 responses with ties among scores and answers, some without one; equal answers may differ in verdict."""
    draw = random.Random(seed)
    size = draw.randrange(2, 8)
    scores = [draw.randrange(4) for _ in range(size)]
    answers = [draw.choice(["a", "b", "c", None]) for _ in range(size)]
    right = "".join(draw.choice("01") for _ in range(size))
    ns = list(range(1, size + 1))
    expected = [mean_over_subsets(right, n, lambda subset: with_highest(scores, subset)) for n in ns]
    assert best(scores, right, ns) == pytest.approx([float(each) for each in expected], abs=1e-14)
    expected = [mean_over_subsets(right, n, lambda subset: by_vote(answers, subset)) for n in ns]
    assert majority(answers, right) == pytest.approx([float(each) for each in expected], abs=1e-14)


def test_a_score_that_is_the_verdict_reaches_pass_at_n() -> None:
    right = "0010110"
    ns = [1, 2, 4, 7]
    expected = [float(pass_at_k(np.array([7]), np.array([3]), n)[0]) for n in ns]
    assert best([float(mark) for mark in right], right, ns) == expected
    assert best([-float(mark) for mark in right], right, [7]) == [0.0]


def test_a_score_that_says_nothing_is_one_draw() -> None:
    """Averaged over every order of distinct scores, best of n is the mean whatever n."""
    orders = list(itertools.permutations(range(5)))
    mean = np.mean([best(order, "10010", [1, 2, 4, 5]) for order in orders], axis=0)
    assert mean == pytest.approx([0.4] * 4)


def test_fewer_responses_than_n_are_refused() -> None:
    with pytest.raises(ValueError, match="needs at least 3 responses, got 2"):
        best([1, 2], "10", [3])


def test_drawn_votes_agree_with_exact_ones() -> None:
    answers = ["a"] * 9 + ["b"] * 7 + ["c"] * 3 + [None] * 5
    votes = count_votes(answers, [answer in ("b", None) and at % 2 == 0 for at, answer in enumerate(answers)])
    estimates, errors = majority_drawn(votes, [1, 4, 16, 24], "p1")
    exact = majority_exact(votes)[[0, 3, 15, 23]]
    assert estimates[[0, 3]] == pytest.approx(exact[[0, 3]]), "one draw and all are known"
    assert (np.abs(estimates - exact) <= 3.5 * errors + 1e-12).all() and 0 < errors[1] < 0.01
    assert (majority_drawn(votes, [4], "p1")[0] == estimates[1]).all()
    assert (majority_drawn(votes, [4], "p2")[0] != estimates[1]).all()


def test_silent_draws_hand_in_one_of_the_silent() -> None:
    votes = count_votes([None, None, None, None, "a"], [True, True, True, True, False])
    estimates, errors = majority_drawn(votes, [2], "p")
    assert abs(estimates[0] - majority_exact(votes)[1]) < 3.5 * errors[0]


def test_the_largest_exact_vote_stays_in_range() -> None:
    """C(512, 256) is 1e152; a lone dissenter never matters once three are drawn."""
    assert majority(["a"] * 511 + ["b"], "1" * 511 + "0")[2:] == pytest.approx([1.0] * 510)


def test_ranking_by_hand() -> None:
    """Right 2 and 1, wrong 1 and 0: 2 > 1, 2 > 0, 1 = 1, 1 > 0 make 3.5 of 4."""
    scores, right = np.array([2.0, 1.0, 1.0, 0.0]), np.array([True, True, False, False])
    assert ranking(scores, right) == 3.5 / 4
    assert ranking(scores, ~right) == 0.5 / 4
    assert ranking(scores, np.ones(4, dtype=bool)) is None


def rows(problems: int = 12, size: int = 6) -> list[dict[str, Any]]:
    draw = random.Random(5)
    found = []
    for problem, member in itertools.product(range(problems), range(size)):
        right = draw.random() < 0.5
        reward = draw.gauss(float(right), 1)
        answer = "7" if right else draw.choice(["1", "2", None])
        found.append(
            {"problem": problem, "member": member, "correct": right, "answer": answer, "reward": round(reward, 1)}
        )
    return found


def document(path: Path, *scores: str, answer: str | None = None) -> dict[str, Any]:
    return measure(read_scored(path, scores or ("reward",), answer))


def test_the_order_of_rows_does_not_matter(tmp_path: Path) -> None:
    shuffled = rows()
    random.Random(1).shuffle(shuffled)
    path = tmp_path / "a.parquet"
    assert document(write(path, rows())) == document(write(path, shuffled))


def test_jsonl_reads_as_parquet_does(tmp_path: Path) -> None:
    """Whole and broken numbers mixed, and NaN for a missing one."""
    mixed = [row | {"reward": int(row["reward"]) if row["member"] % 2 else row["reward"]} for row in rows()]
    mixed[3]["reward"] = float("nan")
    parquet = write(tmp_path / "a.parquet", [row | {"reward": float(row["reward"])} for row in mixed])
    lines = tmp_path / "a.jsonl"
    lines.write_text("\n".join(map(json.dumps, mixed)))
    found = document(lines)
    assert found["settings"]["left_out"]["without_score"] == {"reward": 1}
    found["settings"]["file"] = "a.parquet"
    assert found == document(parquet)


def test_the_document_is_the_mean_over_problems(tmp_path: Path) -> None:
    found = document(write(tmp_path / "a.parquet", rows()), "reward", "member")
    assert found["n"] == [1, 2, 4, 6]
    by_problem = [rows()[start : start + 6] for start in range(0, 72, 6)]
    right = ["".join(str(int(row["correct"])) for row in each) for each in by_problem]
    for name in ("reward", "member"):
        told = found["scores"][name]
        values = [
            best([row[name] for row in each], marks, [4])[0] for each, marks in zip(by_problem, right, strict=True)
        ]
        assert told["best_of_n"]["4"]["estimate"] == pytest.approx(np.mean(values))
        votes = [
            majority([row["answer"] for row in each], marks)[3] for each, marks in zip(by_problem, right, strict=True)
        ]
        assert found["majority"]["4"]["estimate"] == pytest.approx(np.mean(votes))
        assert told["difference"]["4"]["estimate"] == pytest.approx(np.mean(values) - np.mean(votes))
        assert list(told["difference"]) == ["2", "4", "6"]
        assert told["best_of_n"]["1"] == found["one_draw"] == found["pass_at_n"]["1"]
    assert {each["draws_error"] for each in found["majority"].values()} == {None}


def test_what_is_unknown_is_left_out_and_counted(tmp_path: Path) -> None:
    """Never worth 0: with the unjudged and the unscored rows gone the numbers are those of the other rows alone."""
    unknown = [row | {"member": row["member"] + 6, "correct": None} for row in rows(problems=3)]
    unscored = [row | {"member": row["member"] + 12, "reward": None} for row in rows(problems=2)]
    alone = [row | {"problem": "alone"} for row in rows()[:1]]
    found = document(write(tmp_path / "b.parquet", _as_text(rows() + unknown + unscored) + alone))
    clean = document(write(tmp_path / "a.parquet", rows()))
    assert found["settings"]["left_out"] == {
        "unjudged": 18, "without_score": {"reward": 12}, "responses": 31, "problems": 1,
    }  # fmt: skip
    assert any("18 of 103" in note for note in found["notes"]) and any("12 of 103" in note for note in found["notes"])
    for key in ("n", "one_draw", "majority", "pass_at_n", "scores"):
        assert found[key] == clean[key]


def _as_text(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"problem": str(row["problem"])} for row in found]


@pytest.mark.parametrize("gone", [None, "  "])
def test_without_answers_there_is_no_majority(tmp_path: Path, gone: str | None) -> None:
    found = document(write(tmp_path / "a.parquet", [row | {"answer": gone} for row in rows()]))
    told = found["scores"]["reward"]
    assert found["majority"] is None and told["difference"] == told["minus_one_draw"] and told["against"] == "one draw"
    assert any("no majority" in note for note in found["notes"])
    assert "majority" not in told["words"] and "one draw" in told["words"]


def test_another_column_can_be_voted_by(tmp_path: Path) -> None:
    """Of any type; white space at the ends is no other answer."""
    spaced = [row | {"answer": f" {row['answer']}", "value": int(row["answer"] or 0) or None} for row in rows()]
    path = write(tmp_path / "a.parquet", spaced)
    plain = document(write(tmp_path / "b.parquet", rows()))
    assert document(path, answer="value")["majority"] == plain["majority"]
    kept = [row | {"answer": row["answer"] if row["answer"] != " None" else None} for row in spaced]
    assert document(write(tmp_path / "c.parquet", kept))["majority"] == plain["majority"]


def test_many_responses_are_drawn_and_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXACT_UP_TO", 4)
    path = write(tmp_path / "a.parquet", rows())
    found = document(path)
    errors = [each["draws_error"] for each in found["majority"].values()]
    assert errors[0] is None and all(0 < error < 0.01 for error in errors[1:3])
    assert any("4,096 seeded draws" in note for note in found["notes"])
    shuffled = rows()
    random.Random(2).shuffle(shuffled)
    assert found == document(write(path, shuffled))


def test_scores_are_numbers_of_any_size(tmp_path: Path) -> None:
    """Whole ones beyond 64 bits too: three to a problem, the largest always right."""
    lines = [{"problem": at // 3, "correct": at % 3 == 1, "reward": 10 ** (20 + at % 3 % 2)} for at in range(9)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    assert document(path)["scores"]["reward"]["best_of_n"]["3"]["estimate"] == 1


def test_the_verdict_is_that_of_the_interval(tmp_path: Path) -> None:
    """A score that is the verdict beats both; its opposite loses; one that is constant cannot be told from one draw."""
    changed = [row | {"good": 2.0 * row["correct"], "bad": -1.0 * row["correct"], "flat": 1} for row in rows(40)]
    found = document(write(tmp_path / "a.parquet", changed), "good", "bad", "flat")
    told = found["scores"]
    assert [told[name]["verdict"] for name in ("good", "bad")] == ["better", "worse"]
    assert told["good"]["ranking"]["estimate"] == 1 and told["bad"]["ranking"]["estimate"] == 0
    assert told["flat"]["ranking"]["estimate"] == 0.5
    assert told["flat"]["minus_one_draw"]["6"]["estimate"] == 0
    assert told["good"]["best_of_n"] == found["pass_at_n"]
    words = told["good"]["words"]
    assert words.startswith(f"best-of-6 by good: {found['pass_at_n']['6']['estimate']:.3f}; majority: ")
    assert "better than the majority (+" in words and any("not corrected" in note for note in found["notes"])


def test_scores_of_a_simulated_annotator_are_called_so(tmp_path: Path) -> None:
    """Decision 0012."""
    found = document(write(tmp_path / "a.parquet", [row | {"annotator": "noise=.1"} for row in rows()]))
    assert found["notes"][0] == "Rewards in this file rest on simulated preferences: noise=.1."


@pytest.mark.parametrize(
    ("change", "scores", "answer", "sentence"),
    [
        (
            {},
            ["rewrad"],
            None,
            "no row has a column 'rewrad', did you mean 'reward'?; there are member, answer, reward",
        ),
        ({"reward": "high"}, ["reward"], None, "column 'reward': expected a number or null, got 'high'"),
        ({"reward": True}, ["reward"], None, "column 'reward': expected a number or null, got True"),
        ({"reward": None}, ["reward"], None, "column 'reward' is empty; expected a number"),
        ({"reward": float("inf")}, ["reward"], None, "column 'reward': expected a finite number, got inf"),
        ({}, ["correct"], None, "--score correct: that column says what is measured"),
        ({}, ["reward", "reward"], None, "--score reward is given twice"),
        ({}, [], None, "give --score COLUMN"),
        ({}, ["reward"], "anser", "no row has a column 'anser', did you mean 'answer'?"),
        ({"answer": None}, ["reward"], "answer", "column 'answer' is empty, so nothing can be voted on"),
        ({"correct": None}, ["reward"], None, "no problem has 2 responses that are judged and have the score reward"),
    ],
)
@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_what_cannot_be_measured_is_one_sentence(
    change: dict[str, Any], scores: list[str], answer: str | None, sentence: str, ending: str, tmp_path: Path
) -> None:
    lines = [row | change for row in rows(problems=2)]
    path = tmp_path / f"a.{ending}"
    if ending == "jsonl":
        path.write_text("\n".join(map(json.dumps, lines)))
    else:
        write_samples(path, lines)
    with pytest.raises(DataError) as raised:
        read_scored(path, scores, answer)
    assert sentence in str(raised.value)


def test_one_response_a_problem_leaves_nothing_to_choose(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no problem has 2 responses"):
        read_scored(write(tmp_path / "a.parquet", rows(size=1)), ["reward"])


def test_counts_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", [{"problem": "a", "n": 4, "correct": 2, "reward": 1.0}])
    with pytest.raises(DataError, match="holds counts"):
        read_scored(path, ["reward"])
