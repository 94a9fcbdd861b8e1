"""Which golds are surely mathematics, without asking the deep tier; of the others it has to say."""

import pytest

from assay.tasks.math import grade
from assay.tasks.math.compare import is_readable
from assay.tasks.math.normal import normal
from assay.tasks.math.tree import parse

READABLE = [
    "42", "-3.5", r"11\sqrt{5}+11", r"\frac{\sqrt{3}}{3}", r"\dfrac{270}{7}\text{ degrees}", "1+274i", "15x-80",
    r"\left(-\infty, 0\right]", r"(2,12)\cup(12,102)", r"\begin{pmatrix} 1/5 \\ -18/5 \end{pmatrix}", "6r^2-4r-24",
    r"1\pm\sqrt{19}", "y = 2x + 3", r"\text{east}", "5r^5", r"106^\circ", r"\frac{20000}{\pi}", r"864\text{ inches}^2",
]  # fmt: skip
OPEN = ["5+", r"\frac{1}", "((2)", r"\cot x", r"\frac{1}{x-1}", r"\mathbb{Q}^+", "2x+*3", r"\sqrt", "ab+1"]


@pytest.mark.parametrize("gold", READABLE)
def test_these_are_mathematics_and_the_deep_tier_says_so_too(gold: str) -> None:
    form = normal(gold)
    assert is_readable(parse(form))
    outcome = grade.deep_workers().one((form, None, True, grade.asdict(grade.Rules())))
    assert outcome.fault is None and outcome.value["same"]


@pytest.mark.parametrize("gold", OPEN)
def test_these_are_left_to_the_deep_tier(gold: str) -> None:
    assert not is_readable(parse(normal(gold)))


@pytest.mark.parametrize("text", ["0", "12", "-7", "+3", "3.50", "1,234", "1,2", "0.1.2"])
def test_the_short_way_of_plain_numbers_changes_no_normal_form(text: str) -> None:
    assert normal(text) == text == normal(f"${text}$")
