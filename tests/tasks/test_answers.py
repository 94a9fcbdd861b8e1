"""Where an answer stands in a response and which number it names; expected values by hand."""

import time
from fractions import Fraction

import pytest

from assay.tasks.answers import canonical, final_part, gold_number, last_boxed, read_number, read_text
from assay.tasks.numbers import Unreadable, value_of

NUMBERS = {
    "18": "18",
    "+18": "18",
    "-18": "-18",
    "− 18": "-18",
    "18.": "18",
    "18.0": "18",
    "18.50": "37/2",
    ".5": "1/2",
    "1,234": "1234",
    "1,234,567.50": "2469135/2",
    "1{,}234": "1234",
    r"1\,234": "1234",
    r"11,\! 111": "11111",
    "1 234 567": "1234567",
    "$18.00": "18",
    r"\$1,234": "1234",
    "-$5": "-5",
    "$-5": "-5",
    "$-5$": "-5",
    "USD 18": "18",
    "18%": "18",
    r"18\%": "18",
    "18 eggs": "18",
    "5km": "5",
    r"18\text{ eggs}": "18",
    r"25\text{ cm}^2": "25",
    r"90^\circ": "90",
    "$18/day": "18",
    r"\mathbf{18}": "18",
    "**18**": "18",
    "*18*": "18",
    "36/2": "18",
    r"\frac{1}{2}": "1/2",
    r"-\dfrac{1}{2}": "-1/2",
    r"\frac12": "1/2",
    "2 1/2": "5/2",
    r"2\frac{1}{2}": "5/2",
    r"-2\frac{1}{2}": "-5/2",
    "x = 18": "18",
    r"x \approx 18": "18",
    "2 + 3 = 5": "5",
    "5 = 5.0": "5",
    "18 eggs, that is 18": "18",
    "1e5": "100000",
    "1.5 million": "1500000",
    "3 thousand dollars": "3000",
    "007": "7",
}

UNREADABLE = [
    "",
    "none",
    "18 or 19",
    "6 = 5",
    "12,34",
    "1,2345",
    "0,123",
    "1.234,5",
    "1.2.3",
    "9*2",
    "10 + John's age",
    "10 - 5",
    "10-5",
    "10^3",
    "5!",
    r"\sqrt{16}",
    r"5 \pm 1",
    "> 5",
    "1/0",
    "1e500",
    "5_000",
    "0x1F",
    "5k",
    "3:30",
    "½",
    "٣",
    "x5",
    "9" * 101,
    "1" + " " * 200,
]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_read_exactly(text: str) -> None:
    assert value_of(text) == Fraction(NUMBERS[text])


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_does_not_name_one_number_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        value_of(text)


@pytest.mark.parametrize(
    ("response", "mark", "value"),
    [
        (r"First \boxed{1}, then \boxed{2}.", "boxed", 2),
        (r"\boxed{5} in the work, but #### 6", "boxed", 5),
        (r"\boxed{\boxed{5}}", "boxed", 5),
        (r"\fbox{5}", "boxed", 5),
        (r"\boxed {5}", "boxed", 5),
        (r"\\boxed{5}", "boxed", 5),
        (r"\boxed{18}. Put it in \boxed{}.", "boxed", 18),
        ("<answer> 5 </answer>", "<answer>", 5),
        ("<answer>4</answer> no <answer>5</answer> #### 6", "<answer>", 5),
        ("The work: 3.\n#### 5", "####", 5),
        ("####5\n#### Explanation of step 2", "####", 5),
        ("#### 1. Count 3 eggs\n#### 2. Add 2\nThat is 5", "last number", 5),
        ("A: 4\nthe answer is 5", "answer is", 5),
        ("the answer is 4\nA: 5", "A:", 5),
        ("**A:** $5.00", "A:", 5),
        ("A:\n5", "A:", 5),
        ("A: There are 3 trees, then 2 more. The answer is 5.", "answer is", 5),
        ("A: There are 3 trees and 2 more, which makes 5", "last number", 5),
        ("**Final Answer:** 5", "answer is", 5),
        ("The answer is:\n\n**5**.", "answer is", 5),
        ("So the final answer to the question is $5.50.", "answer is", Fraction(11, 2)),
        ("The answer is below. We add 2 and get 5 eggs.", "last number", 5),
        ("She has <<2+3=5>>5 eggs <<5*7", "last number", 5),
        ("* 5 apples", "last number", 5),
        ("It is 5 litres of H2O.", "last number", 5),
        ("<think>7</think> It is 5", "last number", 5),
        ("It loses $-5.", "last number", -5),
    ],
)
def test_where_the_answer_stands(response: str, mark: str, value: Fraction) -> None:
    answer = read_number(response)
    assert answer is not None
    assert (answer.mark, answer.value, answer.problem) == (mark, value, None)


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{5 or 6}",
        r"The work gives 5. \boxed{5 + 0}",
        r"so \boxed{5",
        r"\boxed{eighteen} 18",
        "A: 10+John's age",
        "she pays 5 * 1",
        "32768 feet * 2 =",
        "16 - 3",
        "shorter from 1:00 to 5:00.",
        "costs 12,34",
        "flight B12",
        "the answer is 5 or 6",
        "1" * 200,
    ],
)
def test_what_cannot_be_read_has_a_problem_and_no_value(response: str) -> None:
    answer = read_number(response)
    assert answer is not None
    assert answer.value is None
    assert answer.problem


@pytest.mark.parametrize("response", ["", "I do not know.", r"\boxed{}", "<think> 18", "18 <think> so 19"])
def test_no_answer(response: str) -> None:
    assert read_number(response) is None


def test_boxed_only() -> None:
    assert read_number("#### 18", boxed_only=True) is None
    assert read_number("18", boxed_only=True) is None
    answer = read_number(r"\boxed{18} and #### 19", boxed_only=True)
    assert answer is not None
    assert answer.value == 18


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{a \{ b}", r"a \{ b"),
        (r"} \boxed{1} }", "1"),
        (r"{ \boxed{1}", "1"),
        (r"\boxed{1} \boxed{2", "1"),
        (r"\boxed{x \boxed{1} y}", r"x \boxed{1} y"),
        (r"\boxed{1", None),
        (r"\boxed{ }", None),
        ("boxed{1}", None),
    ],
)
def test_last_boxed(text: str, content: str | None) -> None:
    assert last_boxed(text) == content


def test_text_is_read_where_it_is_marked_or_alone() -> None:
    assert read_text("So the answer is Paris.").text == "Paris"  # type: ignore[union-attr]
    assert read_text(r"\boxed{Paris} not Rome").text == "Paris"  # type: ignore[union-attr]
    assert read_text("The work\n#### Paris").text == "Paris"  # type: ignore[union-attr]
    assert read_text("#### The work\nParis").mark == "whole response"  # type: ignore[union-attr]
    assert read_text("a" * 200) is not None
    assert read_text("a" * 201) is None
    assert read_text("  ") is None


def test_only_the_end_after_thinking_is_read() -> None:
    assert final_part("a</think>b</think>c") == "c"
    assert final_part("a<think>b") == ""
    assert final_part("x" * 200_000 + "y") == "x" * 99_999 + "y"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("18", "18"),
        ("-1/2", "-0.5"),
        ("1/3", "1/3"),
        ("-5/4", "-1.25"),
        ("1/40", "0.025"),
        ("0", "0"),
        ("7/50", "0.14"),
    ],
)
def test_canonical(value: str, text: str) -> None:
    assert canonical(Fraction(value)) == text
    assert value_of(text) == Fraction(value)


@pytest.mark.parametrize(
    ("gold", "value"),
    [
        ("18", 18),
        ("The work: <<9*2=18>>18\n#### 1,800", 1800),
        (18, 18),
        (-0.5, Fraction(-1, 2)),
        (1e16, 10**16),
        (True, None),
        (None, None),
        (float("nan"), None),
        (float("inf"), None),
        ("2 or 3", None),
        ("", None),
        (["18"], None),
    ],
)
def test_gold_number(gold: object, value: Fraction | None) -> None:
    assert gold_number(gold) == value


def test_a_gold_of_any_size() -> None:
    assert gold_number(10**5000) == 10**5000


HOSTILE = {
    "digits": "1" * 10_000_000,
    "digits in a box": r"\boxed{" + "9" * 10_000_000 + "}",
    "open boxes": r"\boxed{" * 1_400_000,
    "nested boxes": r"\boxed{" * 40_000 + "1" + "}" * 40_000,
    "open braces": "{" * 1_000_000,
    "backslashes": "\\" * 1_000_000,
    "the word answer": "answer " * 100_000,
    "answer is": "the answer is " * 100_000,
    "answer elements": "<answer>" * 100_000,
    "A lines": "A:\n" * 100_000,
    "hashes": "#" * 1_000_000,
    "headings": "#### 3. a\n" * 100_000,
    "annotations": "<<1+" * 100_000,
    "dots": "1." * 1_000_000,
    "currency": "A: " + "$" * 1_000_000,
    "white space": "A:" + " " * 1_000_000,
    "minus signs": "-" * 1_000_000 + "1",
    "slashes": "1/" * 1_000_000,
    "exponents": r"\boxed{9**9**9**9}" + r"\boxed{1e999999999}",
    "thoughts": "<think>" * 1_000_000,
    "fractions": r"\frac{1}{" * 100_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_text_takes_no_time(kind: str) -> None:
    start = time.perf_counter()
    answer = read_number(HOSTILE[kind])
    read_text(HOSTILE[kind])
    assert time.perf_counter() - start < 2
    assert answer is None or answer.value is None or abs(answer.value) < 10
