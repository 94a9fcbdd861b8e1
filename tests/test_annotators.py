"""Utilities and probabilities by hand; frequencies of pairs and rankings against the formula; order of rows."""

import math
from collections import Counter
from itertools import permutations

import polars as pl
import pytest

from assay.annotators import Annotator, Response, load_annotator
from assay.errors import RecipeError
from assay.organisms.preferences import (
    Candidates,
    draw_groups,
    pair_row,
    rank_candidates,
    ranking_row,
    read_candidates,
    tally,
)

DRAWS = 4000
RIGHT = Response(0, "a", True, 10, "sure", "answer")
LONG = Response(1, "b", False, 30, "unsure", "so")
SILENT = Response(2, "c", False, 10)


def within_four_sigma(count: int, draws: int, p: float) -> bool:
    return abs(count - draws * p) < 4 * math.sqrt(draws * p * (1 - p))


def test_a_utility_is_the_sum_of_its_dials() -> None:
    """2 + 10 x 0.5 - 1 + 4 = 10 for the right one; the long one has its 30 x 0.5, the silent one 10 x 0.5."""
    annotator = Annotator(right=2, longer=0.5, confident=-1, familiar_form=4)
    assert [annotator.utility(each) for each in (RIGHT, LONG, SILENT)] == [10, 15, 5]


def test_probabilities_are_those_of_bradley_and_terry() -> None:
    """A difference of ln 3 is odds of 3 to 1, at noise 2 of sqrt(3) to 1."""
    annotator = Annotator(right=math.log(3))
    assert annotator.probability(RIGHT, SILENT) == pytest.approx(3 / 4)
    assert annotator.probability(SILENT, RIGHT) == pytest.approx(1 / 4)
    noisy = Annotator(right=math.log(3), noise=2)
    assert noisy.probability(RIGHT, SILENT) == pytest.approx(math.sqrt(3) / (1 + math.sqrt(3)))
    sharp = Annotator(right=0.1, noise=0)
    pairs = [(RIGHT, SILENT), (SILENT, RIGHT), (LONG, SILENT)]
    assert [sharp.probability(*pair) for pair in pairs] == [1, 0, 0.5]


def test_a_dial_of_what_is_not_known_makes_a_response_unknown() -> None:
    ungraded = Response(0, "a", None, 3)
    assert not Annotator().knows(ungraded) and Annotator(right=0, longer=1).knows(ungraded)
    assert Annotator(confident=1).knows(SILENT)  # no word is known to be none


def test_the_line_says_simulated_and_every_dial_that_is_not_zero() -> None:
    assert Annotator(right=2, longer=0.5).describe() == "simulated: right 2, longer 0.5, noise 1, seed 0"
    assert Annotator(right=0, confident=-1.25, familiar_form=3, noise=0, seed=7).describe() == (
        "simulated: confident -1.25, familiar_form 3, noise 0, seed 7"
    )


@pytest.mark.parametrize(
    ("dials", "p"), [({"right": 1.0}, None), ({"right": 2, "noise": 4}, None), ({"right": 0}, 0.5)]
)
def test_pairs_are_preferred_as_often_as_the_formula_says(dials: dict[str, float], p: float | None) -> None:
    """Over problems; with dials of 0 every choice is a coin's, and within a problem first place is no advantage."""
    annotator = Annotator(**dials)
    expected = annotator.probability(RIGHT, SILENT)
    assert p is None or expected == p
    wins = sum(annotator.ranks(f"p{draw}", [RIGHT, SILENT]) == [1, 2] for draw in range(DRAWS))
    assert within_four_sigma(wins, DRAWS, expected)


def test_rankings_are_plackett_lucess_and_their_pairs_bradley_terrys() -> None:
    """P(i, j, k) = w_i / (w_i + w_j + w_k) x w_j / (w_j + w_k), w = exp(u / noise); and P(i before j) for each pair."""
    annotator = Annotator(right=1.5, longer=0.05, confident=0.4, noise=1.3)
    three = [RIGHT, LONG, SILENT]
    drawn = Counter(tuple(annotator.ranks(f"p{draw}", three)) for draw in range(DRAWS))
    w = [math.exp(annotator.utility(each) / annotator.noise) for each in three]
    for i, j, k in permutations(range(3)):
        ranks = tuple([i, j, k].index(each) + 1 for each in range(3))
        assert within_four_sigma(drawn[ranks], DRAWS, w[i] / sum(w) * w[j] / (w[j] + w[k]))
        before = sum(count for ranks, count in drawn.items() if ranks[i] < ranks[j])
        assert within_four_sigma(before, DRAWS, annotator.probability(three[i], three[j]))


def test_without_noise_utility_decides_and_chance_only_between_equals() -> None:
    annotator = Annotator(right=0.001, noise=0)
    ranks = [annotator.ranks(f"p{draw}", [LONG, RIGHT, SILENT]) for draw in range(400)]
    assert {each[1] for each in ranks} == {1}
    assert within_four_sigma(sum(each[0] == 2 for each in ranks), 400, 0.5)


def test_another_seed_is_another_annotator() -> None:
    ranks = [[Annotator(seed=seed).ranks(f"p{draw}", [RIGHT, SILENT]) for draw in range(50)] for seed in (0, 0, 1)]
    assert ranks[0] == ranks[1] != ranks[2]


def test_groups_share_no_response_and_have_no_text_twice() -> None:
    """Of a, a, a, b, c there are two pairs of different texts at most: one a is left."""
    of = Candidates("p", "p =", None, tuple(Response(n, text) for n, text in enumerate("aaabc")))
    for seed in range(20):
        pairs = draw_groups(of, seed, 2, 9)
        members = [each.member for pair in pairs for each in pair]
        assert 1 <= len(pairs) <= 2 and len(set(members)) == len(members)
        assert all(len({each.text for each in pair}) == 2 for pair in pairs)
        assert [len(group) for group in draw_groups(of, seed, 4, 9)] == [3]
    assert draw_groups(Candidates("p", "", None, of.responses[:3]), 0, 2, 9) == []


def test_which_responses_are_paired_does_not_depend_on_the_dials_but_on_the_seed() -> None:
    of = Candidates("p", "p =", None, tuple(Response(n, str(n), n % 2 == 0, n) for n in range(20)))

    def paired(annotator: Annotator) -> set[frozenset[int]]:
        rankings = rank_candidates([of], annotator, 2, 10)
        return {frozenset(each.member for each in ranking.responses) for ranking in rankings}

    assert paired(Annotator()) == paired(Annotator(right=9, longer=3)) != paired(Annotator(seed=1))


def test_a_tally_counts_pairs_that_differ_in_a_trait() -> None:
    """Ranked RIGHT, LONG, SILENT: the right one wins 2 of 2, the surer and more familiar too; the longer 1 of 2."""
    annotator = Annotator(right=100, longer=1)
    ranking = rank_candidates([Candidates("p", "p =", "t", (SILENT, RIGHT, LONG))], annotator, 3)
    assert [each.text for each in ranking[0].best_first] == ["a", "b", "c"]
    assert tally(ranking) == {"right": (2, 2), "longer": (1, 2), "confident": (2, 2), "familiar_form": (2, 2)}


def test_rows_say_what_was_preferred_and_what_is_true() -> None:
    (pair,) = rank_candidates([Candidates("p", "p =", "t", (SILENT, RIGHT))], Annotator(right=100), 2)
    common = {"prompt": "p =", "problem": "p", "task": "t", "annotator": "who"}
    assert pair_row(pair, "who") == {
        **common, "chosen": "a", "rejected": "c", "chosen_correct": True, "rejected_correct": False,
    }  # fmt: skip
    row = ranking_row(pair, "who")
    assert dict(zip(row["responses"], zip(row["ranks"], row["correct"], strict=True), strict=True)) == {
        "a": (1, True),
        "c": (2, False),
    }


@pytest.mark.parametrize("numbered", [True, False])
def test_the_order_of_the_rows_changes_nothing(tmp_path, numbered: bool) -> None:
    rows = pl.DataFrame(
        [
            {"problem": f"p{p}", "member": m, "prompt": f"p{p} =", "response": f"{p * m % 5}", "correct": m % 3 == 0}
            for p in range(8)
            for m in range(9)
        ]
    )
    rows = rows if numbered else rows.drop("member").with_columns(correct=pl.col("response") == "0")
    found = []
    for number in range(2):
        shuffled = rows if number == 0 else rows.sample(fraction=1, shuffle=True, seed=3)
        shuffled.write_parquet(tmp_path / f"{number}.parquet")
        problems, left_out = read_candidates(tmp_path / f"{number}.parquet", Annotator())
        rankings = rank_candidates(problems, Annotator(), 3, 2)
        found.append([ranking_row(each, "who") for each in rankings])
        assert left_out == 0 and len(rankings) > 8
    assert found[0] == found[1]


def test_what_was_cut_for_its_length_is_not_compared(tmp_path) -> None:
    rows = [
        {"problem": "p", "prompt": "p =", "response": f"{n}", "correct": n == 0, "member": n, "stop": stop}
        for n, stop in enumerate(("eos", "length", "stop_string", None))
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "rows.parquet")
    (problem,), left_out = read_candidates(tmp_path / "rows.parquet", Annotator())
    assert ([each.member for each in problem.responses], left_out) == ([0, 2, 3], 1)


def test_dials_come_from_a_file_and_overrides_go_before_it(tmp_path) -> None:
    path = tmp_path / "dials.toml"
    path.write_text("right = 2\nlonger = 0.1\n")
    assert load_annotator(path, ["longer=.5", "seed=3"]) == Annotator(right=2, longer=0.5, seed=3)
    assert load_annotator(None) == Annotator()


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("rihgt=2", "annotator: unknown key 'rihgt', did you mean 'right'?"),
        ("noise=-1", "annotator: 'noise': should be greater than or equal to 0, got -1"),
        ("right=1e308", "annotator: 'right': should be less than or equal to 1000, got 1e+308"),
        ("confident=-1001", "annotator: 'confident': should be greater than or equal to -1000, got -1001"),
        ("longer=nan", "annotator: 'longer': should be a finite number, got nan"),
        ("longer=much", "annotator: 'longer': expected a number, got 'much'"),
        ("right", "--set 'right': expected dial=value, for example right=2"),
    ],
)
def test_a_dial_that_cannot_be_gets_one_sentence(override: str, said: str) -> None:
    with pytest.raises(RecipeError) as caught:
        load_annotator(None, [override])
    assert str(caught.value).startswith(said)
