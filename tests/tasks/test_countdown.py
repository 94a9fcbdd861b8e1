from fractions import Fraction
from itertools import permutations, product
from random import Random

import pytest

from assay.tasks import make_task
from assay.tasks.countdown import chain_probability, moves, random_chain, solutions, write_expression
from assay.tasks.expressions import parse_expression
from assay.types import Verdict

TASK = make_task("countdown")


def judge(problem, response):
    return TASK.verify(TASK.prompt_of(problem), response)


def test_expressions_are_read_exactly():
    assert parse_expression("( 3 + 7 ) * 12").value == 120
    assert parse_expression("1/3+2/3").value == Fraction(1)
    assert parse_expression("8 ÷ 4 − 1").value == 1
    assert parse_expression("10 - 4 - 3").value == 3
    for text in ("", "3 +", "(3", "3)", "3 4", "2**9", "__import__('os')", "1/0", "9" * 300, "-3 + 4", "3.5 * 2"):
        assert parse_expression(text) is None, text


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("3 + 4 * 5", "5 * 4 + 3", True),
        ("3 + ( 4 + 5 )", "( 5 + 3 ) + 4", True),
        ("8 - ( 3 - 2 )", "8 + 2 - 3", True),
        ("8 / ( 4 / 2 )", "8 * 2 / 4", True),
        ("( 3 + 4 ) * 5", "3 + 4 * 5", False),
        ("8 - 3", "3 - 8", False),
    ],
)
def test_canonical_form(one, other, same):
    assert (parse_expression(one).canonical() == parse_expression(other).canonical()) is same


def test_verdicts():
    assert judge("countdown 3 7 12 : 120", "code 3 + 7 = 10 ; 10 * 12 = 120 ; answer ( 3 + 7 ) * 12").correct
    assert judge("countdown 3 7 12 : 120", "<answer>(7+3)*12 = 120</answer>").correct
    assert judge("countdown 3 7 12 : 120", "answer 12 * 10").reason == "other numbers"
    assert judge("countdown 3 7 12 : 120", "answer 3 + 7 + 12").reason == "misses the target"
    assert judge("countdown 3 7 12 : 120", "answer 3.5 * 2").reason == "unreadable expression"
    assert judge("countdown 3 7 12 : 120", "120").reason == "no answer"
    assert judge("countdown 35 44 19 : 3", "answer 44**35**19").verdict is Verdict.WRONG


def test_steps_check_arithmetic_and_what_is_there():
    prompt = TASK.prompt_of("countdown 3 7 12 : 120")
    assert TASK.check_steps(prompt, "code 3 + 7 = 10 ; 10 * 12 = 120 ; answer x") == (1.0, 1.0)
    assert TASK.check_steps(prompt, "code 3 + 7 = 11 ; 11 * 12 = 132 ; answer x") == (0.0, 1.0)
    assert TASK.check_steps(prompt, "code 3 + 7 = 10 ; 3 * 12 = 36 ; answer x") == (1.0, 0.0)  # 3 is used up
    assert TASK.check_steps(prompt, "code 3 / 0 = 0 ; wait 3 + 7 = 10 ; answer x") == (0.0, 1.0)


def test_chain_probability_is_the_share_of_random_chains():
    rng = Random(0)
    values, target = (2, 5, 9), 16
    hits = sum(
        chain is not None and chain[1].value == target for chain in (random_chain(rng, values) for _ in range(4000))
    )
    assert chain_probability(values, target) == pytest.approx(hits / 4000, abs=0.025)


@pytest.mark.parametrize(("values", "target", "count"), [((3, 4, 6), 18, 1), ((2, 4, 8), 16, 3), ((1, 5, 5), 25, 2)])
def test_all_solutions_are_found(values, target, count):
    """Against every order, operator and grouping of three numbers (none of these needs a fraction)."""
    found = set()
    for (a, b, c), (p, q) in product(permutations(values), product("+-*/", repeat=2)):
        for text in (f"( {a} {p} {b} ) {q} {c}", f"{a} {p} ( {b} {q} {c} )"):
            node = parse_expression(text)
            if node is not None and node.value == target:
                found.add(node.canonical())
    assert solutions(values, target) == found and len(found) == count


def test_written_expressions_read_back():
    rng = Random(1)
    for _ in range(500):
        chain = random_chain(rng, [rng.randint(1, 20) for _ in range(rng.choice([3, 4, 5]))])
        assert chain is None or parse_expression(write_expression(chain[1])).value == chain[1].value


def test_moves_stay_whole_and_in_range():
    assert {(a, b) for *_, a, b in moves([3, 7])} == {("+", 10), ("*", 21), ("-", 4)}
    assert all(0 <= result <= 199 for *_, result in moves([150, 60, 2]))


def test_ladder():
    assert all(len(solutions(*p.gold)) <= 2 for p in make_task("countdown:edge").prompts("test", 10))
    hard = make_task("countdown:hard")
    assert all(1 - (1 - hard.guess_probability(p)) ** 128 < 0.05 for p in hard.prompts("test", 3))
    needs = make_task("countdown:needs=*")
    assert all("*" in form for p in needs.prompts("test", 5) for form in solutions(*p.gold))
    assert make_task("countdown:style=words").prompts("test", 1)[0].messages is not None
