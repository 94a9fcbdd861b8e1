"""The generated cases: equal forms are equal and near-misses differ, by a reader of LaTeX that the generator lacks."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from latex_numbers import Unreadable, same, value_of

from assay.tasks.answers import last_boxed
from assay.tasks.math.case_text import bare
from assay.tasks.math.cases import math_cases, surely_differ
from assay.types import Verdict

GOLDS = (
    *(
        "18",
        "-7",
        "0",
        "1",
        "1200",
        r"11,\! 111,\! 111,\! 100",
        "-12.5",
        ".35625",
        r"\frac{14}{3}",
        r"-\frac{1}{2}",
        "4.5e33",
    ),
    *(
        "1e-5",
        r"1\frac{4}{5}",
        r"\frac9{19}",
        r"3\sqrt{13}",
        r"-\sqrt{3}",
        r"\frac{5 \sqrt{2}}{2}",
        r"-\frac{\pi}{6}",
        r"7\pi",
    ),
    *(
        "6 - 5i",
        "p - q",
        "x^3+3x-6",
        "2k",
        "5r^5",
        "3R^2",
        r"18+2\pi",
        r"\frac{n(n+1)}{2}",
        r"\frac{20000}{\pi}",
        "$2^{9}$",
    ),
    *(
        r"\left( 3, \frac{\pi}{2} \right)",
        "(6,31,-1)",
        "(15,-29)",
        r"(2,\infty)",
        r"\left(\frac{3}{5},\frac{8}{3}\right]",
    ),
    *(
        "1,-2",
        "$69$,$84$",
        "$(1,8,19), (2,7,13), (4,5,7)$",
        "$f(x)=x,f(x)=2-x$",
        r"\{3,5,\frac{1}{2}\}",
        "x=5",
        r"\cot x",
    ),
    *(r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}", r"\begin{pmatrix} -1 & 0 \\ 0 & 2 \end{pmatrix}"),
    *(r"90^\circ", r"8 \%", "17.5%", r"\$18.90", r"15\mbox{ cm}^2", r"\frac{2}{7} \sqrt{53}", "$2-\\sqrt{3}$"),
)
OTHERS = ("5", r"\frac{1}{2}", "(1,2)", "0.5", "2,1", r"\sqrt{2}", "36")


def check(golds: Iterable[str], others: tuple[str, ...] = OTHERS) -> Counter[Verdict]:
    """Compares every case that the second reader can read with its gold; returns how many of each verdict."""
    read: Counter[Verdict] = Counter()
    for gold in golds:
        for response, verdict, why in math_cases(gold, others, unordered=True):
            answer = last_boxed(response)
            try:
                wanted, given = value_of(bare(gold) or ""), value_of(answer or "?")
            except Unreadable:
                continue
            ordered = not re.search("list|set in braces|item|another problem", why)
            assert same(wanted, given, ordered) == (verdict is Verdict.RIGHT), (gold, response, verdict, why)
            read[verdict] += 1
    return read


def test_forms_are_equal_and_near_misses_differ() -> None:
    read = check(GOLDS)
    assert read[Verdict.RIGHT] > 250
    assert read[Verdict.WRONG] > 450


def test_the_cases_of_real_golds_are_as_stated(data: Path) -> None:
    lines = (data / "math500" / "test.jsonl").read_text("utf-8").splitlines()
    golds = [json.loads(line)["answer"] for line in lines[::4]]
    read = check(golds, tuple(golds[:12]))
    assert read[Verdict.RIGHT] > 600
    assert read[Verdict.WRONG] > 1200


def test_a_gold_that_nothing_can_be_read_of_is_still_compared_with_itself_and_with_silence() -> None:
    cases = list(math_cases("$\\mho(a)=0$ where $b$ is an integer"))
    assert cases == [(r"\boxed{$\mho(a)=0$ where $b$ is an integer}", Verdict.RIGHT, "gold in a box")]
    whys = [why for *_, why in math_cases(r"\binom{2n}{n}")]
    assert {"gold in a box", "in parentheses", "sign flipped", "no answer", "empty response"} <= set(whys)


@pytest.mark.parametrize(
    ("gold", "other", "differ"),
    [
        ("2", r"\frac{4}{2}", False),
        (r"90^\circ", "90", False),
        (r"\$5", "x=5", False),
        ("50\\%", "50", False),  # which number a per cent sign makes of it is the question's to say
        ("1,3", "(1,3)", False),
        ("1,3", "3,1", False),
        ("(1,3)", "(3,1)", True),
        ("2n", "x", False),
        (r"\sqrt{8}", r"2\sqrt{2}", False),
        (r"\sqrt{8}", "2.828", True),
        (r"\text{east}", r"\text{East}", False),
        (r"\text{even}", r"\text{odd}", True),
        (r"\text{(B)}", "3", True),
        ("2,251,252", "(2,251,252)", True),
    ],
)
def test_only_what_is_certain_differs(gold: str, other: str, differ: bool) -> None:
    assert surely_differ(gold, other) is differ


def test_golds_that_are_rounded_differ_only_where_they_are_far_apart() -> None:
    assert not surely_differ("4.5", "4.52", rounded=True)
    assert not surely_differ(r"\sqrt{2}", "1.4", rounded=True)
    assert surely_differ("4.5e33", "4.5e32", rounded=True)
    assert not any(response == r"\boxed{4081}" for response, *_ in math_cases("4080", rounded=True))


def test_a_bare_list_is_reordered_only_where_its_order_has_no_meaning() -> None:
    assert r"\boxed{5, 1}" not in [response for response, *_ in math_cases("1,5")]
    assert (r"\boxed{5, 1}", Verdict.RIGHT, "list reordered") in math_cases("1,5", unordered=True)
    assert (r"\boxed{(2,1), (1,2)}", Verdict.RIGHT, "list reordered") in math_cases("(1,2),(2,1)")


def test_cases_are_the_same_every_time() -> None:
    assert list(math_cases(r"\frac{14}{3}", OTHERS)) == list(math_cases(r"\frac{14}{3}", OTHERS))
