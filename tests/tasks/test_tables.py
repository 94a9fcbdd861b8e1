"""Prompts found by split and by identity."""

import pytest

from assay.errors import DataError
from assay.tasks.tables import PromptTable, identity, split_by_share
from assay.types import Prompt


def prompt(problem: str, gold: str = "1", split: str = "test") -> Prompt:
    return Prompt(task="t", problem=problem, gold=gold, split=split, text=problem)


def table(count: int) -> PromptTable:
    return PromptTable("t", [(f"line {n}", prompt(f"p{n}")) for n in range(count)])


def test_all_rows_come_in_order_and_draws_begin_alike() -> None:
    rows = table(50)
    assert [each.problem for each in rows.take("test", None, seed=3)] == [f"p{n}" for n in range(50)]
    drawn = rows.take("test", 20, seed=3)
    assert drawn[:5] == rows.take("test", 5, seed=3)
    assert len({each.problem for each in drawn}) == 20
    assert drawn != rows.take("test", 20, seed=4)
    assert [each.problem for each in drawn] != [f"p{n}" for n in range(20)]


def test_more_than_there_are_is_an_error() -> None:
    with pytest.raises(DataError, match="51 test problems were asked for, but its data has 50"):
        table(50).take("test", 51, seed=0)
    with pytest.raises(DataError, match="its data has no train rows"):
        table(50).take("train", None, seed=0)


def test_a_repeated_problem_is_an_error_that_names_both_places() -> None:
    pairs = [("line 1", prompt("p")), ("line 2", prompt("q")), ("line 9", prompt("p"))]
    with pytest.raises(DataError, match=r"line 9 poses the same problem as line 1 \(p\)"):
        PromptTable("t", pairs)
    assert list(PromptTable("t", pairs, drop_repeats=True).by_problem) == ["p", "q"]


@pytest.mark.parametrize("other", [prompt("p", gold="2"), prompt("p", split="train")])
def test_repeats_that_disagree_cannot_be_dropped(other: Prompt) -> None:
    with pytest.raises(DataError, match="poses the same problem"):
        PromptTable("t", [("line 1", prompt("p")), ("line 2", other)], drop_repeats=True)


def test_find_takes_the_first_identity_known() -> None:
    rows = table(3)
    assert rows.find("p1", "p2").problem == "p1"
    assert rows.find("nothing", "p2").problem == "p2"
    with pytest.raises(DataError, match="problem 'nothing' is none of its 3 problems"):
        rows.find("nothing", "at all")


def test_a_content_hash_is_of_problems_and_golds_of_a_split_alone() -> None:
    one = PromptTable("t", [("a", prompt("p")), ("b", prompt("q")), ("c", prompt("r", split="train"))])
    other = PromptTable("t", [("x", prompt("q")), ("y", prompt("p"))])
    assert one.content_hash("test") == other.content_hash("test") != one.content_hash("train")
    assert len(one.content_hash("test")) == 12
    changed = PromptTable("t", [("a", prompt("p", gold="2")), ("b", prompt("q"))])
    assert changed.content_hash("test") != one.content_hash("test")


def test_identity_ignores_only_white_space() -> None:
    assert identity(" How\n many? ") == identity("How many?")
    assert identity("How many?") != identity("how many?")
    assert len(identity("\ud800")) == 12  # half of a surrogate pair is no reason to fail


def test_the_share_of_a_split_is_kept() -> None:
    """1,000 draws at .1: standard deviation 9.5, so 60 to 140 is more than four of them."""
    names = [f"problem {n}" for n in range(1000)]
    assert 60 < sum(split_by_share(name, 0.1) == "test" for name in names) < 140
    assert {split_by_share(name, 0.0) for name in names} == {"train"}
    assert {split_by_share(name, 1.0) for name in names} == {"test"}
    smaller = {name for name in names if split_by_share(name, 0.1) == "test"}
    larger = {name for name in names if split_by_share(name, 0.2) == "test"}
    assert smaller < larger
