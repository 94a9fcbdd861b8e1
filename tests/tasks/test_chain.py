from itertools import product
from random import Random

import pytest

from assay.errors import DataError, RecipeError
from assay.tasks import make_task
from assay.tasks.chain import LARGEST_OPERAND, LIMIT, OPERATORS, draw, read_answer, read_problem, run, step
from assay.tasks.splits import split_of
from assay.types import Verdict

TASK = make_task("chain")
PLAIN = TASK.prompt_of("chain 7 + 12 - 5")
MODULAR = TASK.prompt_of("chain 7 * 12 - 5 mod 17")

HOSTILE = [
    "",
    "answer",
    "answer ٣",
    "answer １４",
    "answer ½",
    "answer -14",
    "answer " + "9" * 100_000,
    "code " + "9" * 50_000 + " + 1 = " + "9" * 50_000 + " ; answer 3",
    "٧ + ١ = ٨ ; answer ٨",
    "x" * 100_000,
    "answer " * 14_000,
    "7 + 12 = 19 ; " * 7_000 + "answer",
    "wait " * 20_000,
    "<answer>" * 12_000,
    "\\boxed{" * 14_000,
    "\ud800 answer \x00",
]


def test_steps_by_hand():
    assert [step(7, operator, 12, None) for operator in "+-*"] == [19, None, 84]
    assert (step(190, "+", 9, None), step(190, "+", 10, None), step(5, "-", 5, None)) == (199, None, 0)
    # -5 modulo 17 is 12; the left operand may be larger than the modulus
    assert [step(7, operator, 12, 17) for operator in "+-*"] == [2, 12, 16]
    assert step(20, "+", 1, 3) == 0


def test_golds_by_hand_from_left_to_right():
    """(2 + 3) * 4 = 20, not 14; modulo 7: 2 + 3 = 5, 5 * 4 = 20 = 6."""
    assert (PLAIN.gold, PLAIN.text) == ("14", "chain 7 + 12 - 5 =")
    assert run(["2", "+", "3", "*", "4"], None) == [(2, "+", 3, 5), (5, "*", 4, 20)]
    assert TASK.prompt_of("chain 2 + 3 * 4 mod 7").gold == "6"
    assert (MODULAR.gold, MODULAR.text) == ("11", "chain 7 * 12 - 5 mod 17 =")  # 84 = 16, 16 - 5 = 11


def test_draws_stay_in_range_and_use_every_operator_and_operand():
    """Three in ten chains lose a step to `*` or `-`: by recursion over results .44 of those of 3 operations stay."""
    rng = Random(0)
    plain = [words for words in (draw(rng, 3, None) for _ in range(2000)) if words]
    assert 0.35 < len(plain) / 2000 < 0.53
    assert all(0 <= result <= LIMIT for words in plain for *_, result in run(words, None))
    modular = [draw(rng, 3, 5) for _ in range(2000)]
    assert all(0 <= result < 5 for words in modular for *_, result in run(words, 5))
    for found in (plain, modular):
        assert {word for words in found for word in words[1::2]} == set(OPERATORS)
        for numbers in ({int(words[0]) for words in found}, {int(word) for words in found for word in words[2::2]}):
            assert numbers == set(range(1, LARGEST_OPERAND + 1))


@pytest.mark.parametrize(
    "problem", ["chain 7 + 12", "chain 3 * 4 - 5", "chain 20 - 3 mod 17", "chain 9 * 2 + 2 mod 199"]
)
def test_guess_probability_is_the_share_of_all_chains_in_range(problem):
    """Against plain enumeration of all 60^n chains that start at the same number and do not leave the range."""
    item = TASK.prompt_of(problem)
    words, modulus = read_problem(problem)
    pairs = [(operator, str(b)) for operator, b in product(OPERATORS, range(1, LARGEST_OPERAND + 1))]
    results = []
    for chain in product(pairs, repeat=len(words) // 2):
        try:
            results.append(run([words[0], *(word for pair in chain for word in pair)], modulus)[-1][-1])
        except DataError:
            continue
    share = results.count(int(item.gold)) / len(results)
    assert TASK.guess_probability(item) == pytest.approx(max(1 / (modulus or 200), share))


def test_a_guess_is_never_below_the_uniform_one():
    rare = TASK.prompt_of("chain 20 * 9 + 19")  # 199, which few chains reach
    assert TASK.guess_probability(rare) == 1 / 200
    assert TASK.guess_probability(TASK.prompt_of("chain 1 - 1")) > 1 / 200


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        ("code 7 + 12 = 19 ; 19 - 5 = 14 ; answer 14", "14"),
        ("prose answer 15 answer 14", "14"),
        ("code 7 + 12 = 19 ; 19 - 5 = 14 ; unsure answer 14", "14"),
        ("sure answer: 14\n", "14"),
        ("answer 3 so <answer> 14 </answer>", "14"),
        (r"The answer is \boxed{3}, no, \boxed{14}.", "14"),
        ("answer 014", None),
        ("answer 14 5", None),
        ("answer 14.0", None),
        ("answer +14", None),
        ("answer 14 <answer></answer>", None),
        ("code 7 + 12 = 19 ; 19 - 5 = 14 ; so 14", None),
        ("14", None),
    ],
)
def test_answers_are_read(response, answer):
    assert read_answer(response) == answer
    score = TASK.verify(PLAIN, response)
    assert (score.verdict, score.reason) == ((Verdict.RIGHT, None) if answer else (Verdict.WRONG, "no answer"))


def test_another_number_is_wrong():
    for answer in ("13", "15", "140", "1", "0", "999"):
        assert TASK.verify(PLAIN, f"prose answer {answer}").reason == "another result", answer
    assert TASK.verify(MODULAR, "prose answer 79").reason == "another result"  # 84 - 5, not reduced
    assert TASK.verify(MODULAR, "prose answer 28").reason == "another result"  # 11 + 17


@pytest.mark.parametrize(
    ("work", "values"),
    [
        ("7 + 12 = 19 ; 19 - 5 = 14 ; ", (1, 1)),
        ("7 + 12 = 18 ; 18 - 5 = 13 ; ", (0, 1)),  # right on what the first step wrote
        ("7 + 12 = 18 ; 19 - 5 = 14 ; ", (0, 0)),  # the second does not start where the first ended
        ("12 + 7 = 19 ; 19 - 5 = 14 ; ", (0, 1)),  # the operand is 12, not 7
        ("7 - 5 = 2 ; 2 + 12 = 14 ; ", (0, 0)),
        ("7 + 12 = 19 ; 19 - 5 = 14 ; 14 + 0 = 14 ; ", (1, 1, 0)),
        ("7 + 12 = 4 ; 4 - 5 = 0 ; ", (0, 0)),  # leaves the range
        ("given ; 7 + 12 = 19 ; ; 19 - 5 = 14 ; sure ", (1, 1)),
        ("7 + 12 = 19 ; 19 - 5 = 14 unsure ", (1, 1)),
        ("7 + 12 = 18 ; wait 7 + 12 = 19 ; wait 7 + 12 = 19 ; 19 - 5 = 14 ; ", (0, 1, 1, 1)),
        ("7 + 12 = 19 wait 19 - 5 = 14 ; ", (1, 0)),
        ("7 + 12 - 5 = 14 ; ", ()),
        ("", ()),
    ],
)
def test_steps_are_judged_on_the_result_written_before(work, values):
    assert TASK.check_steps(PLAIN, f"code {work}answer 14") == values
    assert TASK.verify(PLAIN, f"code {work}answer 14").steps == values


def test_modular_steps():
    assert TASK.check_steps(MODULAR, "code 7 * 12 = 16 ; 16 - 5 = 11 ; answer 11") == (1.0, 1.0)
    assert TASK.check_steps(MODULAR, "code 7 * 12 = 84 ; 84 - 5 = 11 ; answer 11") == (0.0, 1.0)
    large = TASK.prompt_of("chain 20 - 3 mod 5")
    assert TASK.check_steps(large, "code 20 - 3 = 2 ; answer 2") == (1.0,)
    assert TASK.check_steps(large, "code 0 - 3 = 2 ; answer 2") == (0.0,)  # the first number is not reduced


def test_labels():
    code = TASK.labels(PLAIN, "code 7 + 12 = 19 ; 19 - 5 = 14 ; sure answer 14")
    assert (code.strategy, code.solution) == ("code", "7 + 12 = 19 ; 19 - 5 = 14 ; 14")
    prose = TASK.labels(PLAIN, "prose answer 14")
    assert (prose.strategy, prose.solution) == ("prose", "14")
    other = TASK.labels(PLAIN, "14")
    assert (other.strategy, other.solution) == (None, None)


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        ("chain", "chain:seen"),
        ("chain:edge", "chain:edge"),
        ("chain:mod=17", "chain:seen:mod=17"),
        ("chain:seen:mod=17", "chain:seen:mod=17"),
        ("chain:operations=6", "chain:operations=6"),
        ("chain:mod=9:operations=6", "chain:operations=6:mod=9"),
    ],
)
def test_the_spec_makes_the_task_again(given, spec):
    task = make_task(given)
    assert task.spec == make_task(spec).spec == spec
    assert {prompt.task for prompt in task.prompts("test", 5)} == {spec}
    assert task.prompts("train", 5, seed=2) == make_task(spec).prompts("train", 5, seed=2)


@pytest.mark.parametrize(
    ("spec", "lengths"),
    [
        ("chain:seen", {2, 3}),
        ("chain:edge:mod=17", {5}),
        ("chain:hard", {8}),
        ("chain:operations=12", {12}),
        ("chain:operations=1:mod=2", {1}),
    ],
)
def test_prompts_are_different_deterministic_and_split_by_hash(spec, lengths):
    task = make_task(spec)
    drawn = {split: task.prompts(split, 20, seed=1) for split in ("train", "test")}
    for split, prompts in drawn.items():
        assert prompts == make_task(spec).prompts(split, 20, seed=1) != task.prompts(split, 20, seed=2)
        assert len({prompt.problem for prompt in prompts}) == 20
        assert {split_of(prompt.problem) for prompt in prompts} == {prompt.split for prompt in prompts} == {split}
        assert [task.prompt_of(prompt.problem) for prompt in prompts] == prompts
    every = [*drawn["train"], *drawn["test"]]
    assert {len(read_problem(prompt.problem)[0]) // 2 for prompt in every} == lengths
    assert all(0 < task.guess_probability(prompt) < 1 for prompt in every)


@pytest.mark.parametrize("spec", ["chain:seen", "chain:hard:mod=2", "chain:operations=12"])
def test_golds_are_right_and_near_misses_wrong(spec):
    task = make_task(spec)
    checks = task.checks()
    assert {check.verdict for check in checks} == {Verdict.RIGHT, Verdict.WRONG}
    assert [check for check in checks if task.verify(check.prompt, check.response).verdict is not check.verdict] == []


@pytest.mark.parametrize("response", HOSTILE, ids=range(len(HOSTILE)))
def test_no_response_makes_the_verifier_raise(response):
    assert TASK.verify(PLAIN, response).verdict is Verdict.WRONG
    assert TASK.labels(PLAIN, response) == TASK.labels(PLAIN, response)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("chain:operation=3", "task chain: unknown key 'operation', did you mean 'operations'"),
        ("chain:operations=0", "'operations': .*greater than or equal to 1"),
        ("chain:operations=13", "'operations': .*less than or equal to 12"),
        ("chain:mod=1", "'mod': .*greater than or equal to 2"),
        ("chain:mod=200", "'mod': .*less than or equal to 199"),
        ("chain:steep", "'rung'"),
        ("chain:edge:operations=6", "rung 'edge' and operations 6 both say how long; give one of them"),
    ],
)
def test_bad_options_are_sentences(spec, sentence):
    with pytest.raises(RecipeError, match=sentence):
        make_task(spec)


@pytest.mark.parametrize(
    "problem",
    [
        "",
        "chain",
        "chain 7",
        "chain 7 mod 17",
        "chain 7 + 12 =",
        "chain 7 + 12 -",
        "chain 7 / 1",
        "chain 07 + 12",
        "chain 0 + 12",
        "chain 7 + 21",
        "chain ٧ + 12",
        "chain 7 + 12 mod 1",
        "chain 7 + 12 mod 200",
        "chain  7 + 12",
        "chain 7 + 12\n",
        "chain 1" + " + 1" * 13,
    ],
)
def test_what_is_no_problem_is_refused(problem):
    with pytest.raises(DataError, match="is not of chain; expected for example"):
        TASK.prompt_of(problem)


@pytest.mark.parametrize("problem", ["chain 5 - 12 + 20", "chain 20 * 10"])
def test_a_problem_that_leaves_the_range_is_refused(problem):
    with pytest.raises(DataError, match=r"leaves 0 to 199 at (5 - 12|20 \* 10)"):
        TASK.prompt_of(problem)
    assert TASK.prompt_of(f"{problem} mod 17").gold == "13"  # -7 is 10, 10 + 20 = 30; 200 = 11 * 17 + 13
