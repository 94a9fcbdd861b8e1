"""The boundary verdict: each of the five by hand, their order, and the error rate under the null by simulation."""

from collections import Counter

import numpy as np
import pytest
from sample_rows import answers

from assay.audits.verdict import (
    EXTENDED,
    FALSE_CHANGE,
    MARGIN,
    NARROWED,
    NEITHER,
    NOT_ENOUGH,
    SHARPENED,
    Boundary,
    Change,
    Withheld,
    _critical,
    _decide,
    boundary_verdict,
)
from assay.stats import sign_flips

CHANGES = (EXTENDED, NARROWED, SHARPENED)


def change(low: float, high: float, base: float = 0.5) -> Change:
    middle = (low + high) / 2
    return Change(base, base + middle, middle, low, high, 0.5)


@pytest.mark.parametrize(
    ("at_1", "at_K", "verdict"),
    [
        (change(0.1, 0.2), change(0.001, 0.1), EXTENDED),
        (change(-0.2, -0.1), change(0.001, 0.1), EXTENDED),
        (change(0.1, 0.2), change(0.0, 0.1), NOT_ENOUGH),  # the bound must be above 0
        (change(-0.1, 0.1), change(-0.1, -0.001), NARROWED),
        (change(-0.2, -0.1), change(-0.1, -0.001), NARROWED),
        (change(0.1, 0.2), change(-0.1, -0.001), SHARPENED),  # pass@1 rises, so it is not narrowed
        (change(0.1, 0.2), change(-0.1, 0.019), SHARPENED),
        (change(0.1, 0.2), change(-0.1, 0.02), NOT_ENOUGH),
        (change(0.1, 0.2), change(-0.1, 0.019, base=0.95), SHARPENED),
        (change(0.1, 0.2), change(-0.1, 0.019, base=0.951), NOT_ENOUGH),  # no room to see a gain
        (change(0.1, 0.2), change(-0.1, -0.001, base=0.99), SHARPENED),  # a fall shows without room
        (change(0.0, 0.2), change(-0.1, 0.019), NOT_ENOUGH),
        (change(-0.019, 0.019), change(-0.019, 0.019), NEITHER),
        (change(-0.02, 0.019), change(-0.019, 0.019), NOT_ENOUGH),
        (change(0.001, 0.015), change(-0.01, 0.015, base=0.99), NEITHER),
        (change(-0.1, 0.1), change(-0.1, 0.1), NOT_ENOUGH),
    ],
)
def test_the_rules_in_order(at_1: Change, at_K: Change, verdict: str) -> None:
    assert _decide(at_1, at_K, 64, 10_000)[0] == verdict


def test_a_change_at_K_is_worth_one_problem_at_least() -> None:
    """A rise of .009 is worth .9 of 100 problems and 1.8 of 200."""
    assert _decide(change(0.1, 0.2), change(0.008, 0.010), 64, 100)[0] == SHARPENED
    assert _decide(change(0.1, 0.2), change(0.008, 0.010), 64, 200)[0] == EXTENDED
    assert _decide(change(-0.1, 0.1), change(-0.010, -0.008), 64, 100)[0] == NOT_ENOUGH
    assert _decide(change(-0.1, 0.1), change(-0.010, -0.008), 64, 200)[0] == NARROWED


def of(base: list[int], tuned: list[int], n: int = 64) -> Boundary:
    return boundary_verdict(answers(n, base), answers(n, tuned), n)


def test_extended() -> None:
    """30 of 100 problems that the base never solves are solved half the time."""
    found = of([0] * 30 + [32] * 70, [32] * 100)
    assert found.verdict == EXTENDED
    assert found.K == 32 and found.problems == 100
    assert found.pass_at_K is not None and found.pass_at_K.low > 0.15
    assert "pass@32 rose from 0.700 to 1.000 (+0.300" in found.why and "pass@32 does not rise" in found.overturn


def test_narrowed() -> None:
    found = of([32] * 100, [0] * 30 + [32] * 70)
    assert found.verdict == NARROWED
    assert "lost problems" in found.why


def test_sharpened() -> None:
    """Half the problems are out of reach of both; on the others accuracy goes from a quarter to near one."""
    found = of([0] * 150 + [16] * 150, [0] * 150 + [60] * 150)
    assert found.verdict == SHARPENED
    assert "surer at the first try, and in 32 tries it reaches no more than the base" in found.why


def test_sharpened_at_a_price() -> None:
    found = of([16] * 200, [60] * 160 + [0] * 40)
    assert found.verdict == SHARPENED
    assert "it has lost problems in return" in found.why


def test_no_room() -> None:
    """A base that solves everything in 32 tries cannot be seen to be overtaken."""
    found = of([16] * 300, [60] * 300)
    assert found.verdict == NOT_ENOUGH
    assert "leaves no room" in found.why and "Harder problems" in found.overturn


def test_neither() -> None:
    generator = np.random.default_rng(0)
    p = np.repeat([0.0, 0.5], [200, 200])
    found = of(generator.binomial(64, p).tolist(), generator.binomial(64, p).tolist())
    assert found.verdict == NEITHER


def test_a_few_equal_problems_are_not_enough() -> None:
    """Identical counts of 20 problems: nothing differs, but up to 17 % of other problems may."""
    found = of([3] * 20, [3] * 20)
    assert found.verdict == NOT_ENOUGH
    assert "too wide" in found.why and "More problems" in found.overturn


@pytest.mark.parametrize("n", [1, 2, 3])
def test_too_few_answers(n: int) -> None:
    found = of([0] * 100, [n] * 100, n)
    assert found.verdict == NOT_ENOUGH
    assert found.K == 1
    assert "nothing can be said about what a model reaches in more tries; pass@1 rose" in found.why
    assert of([0] * 100, [4] * 100, 4).verdict == EXTENDED


@pytest.mark.parametrize("problems", [0, 1])
def test_too_few_problems(problems: int) -> None:
    found = of([3] * problems, [40] * problems)
    assert (found.verdict, found.pass_at_1, found.pass_at_K) == (NOT_ENOUGH, None, None)


def test_a_withheld_verdict_says_why() -> None:
    withheld = Withheld("Unjudged.", "Judge them.")
    found = boundary_verdict(answers(64, [0] * 100), answers(64, [64] * 100), 64, withheld)
    assert (found.verdict, found.why, found.overturn) == (NOT_ENOUGH, "Unjudged.", "Judge them.")
    assert found.pass_at_1 is not None and found.pass_at_1.estimate == 1


def test_swapping_the_models_mirrors_the_numbers() -> None:
    generator = np.random.default_rng(2)
    base, tuned = (generator.binomial(64, generator.beta(0.4, 1.2, 80)).tolist() for _ in range(2))
    one, other = of(base, tuned), of(tuned, base)
    assert one.pass_at_K is not None and other.pass_at_K is not None
    assert one.pass_at_K.estimate == -other.pass_at_K.estimate
    assert one.pass_at_K.p_value == other.pass_at_K.p_value


POPULATIONS = {
    "beta": lambda generator, size: generator.beta(0.4, 1.2, size),
    "zeros": lambda generator, size: np.where(generator.random(size) < 0.4, 0, generator.beta(0.3, 3, size)),
    "edge": lambda generator, size: np.where(generator.random(size) < 0.7, 0, generator.beta(0.3, 6, size)),
    "easy": lambda generator, size: generator.beta(3, 0.5, size),
}


def null_rate(population: str, problems: int, n: int, audits: int, n_tuned: int | None = None) -> float:
    """Share of audits of two samplings of one model that end in a verdict of change."""
    generator = np.random.default_rng([problems, n])
    verdicts: Counter[str] = Counter()
    for _ in range(audits):
        p = POPULATIONS[population](generator, problems)
        base, tuned = answers(n, generator.binomial(n, p)), answers(n_tuned or n, generator.binomial(n_tuned or n, p))
        verdicts[boundary_verdict(base, tuned, min(n, n_tuned or n), flips=499).verdict] += 1
    return sum(verdicts[each] for each in CHANGES) / audits


@pytest.mark.parametrize(("population", "problems", "n"), [("beta", 96, 64), ("zeros", 128, 128), ("edge", 48, 16)])
def test_two_samplings_of_one_model_rarely_change(population: str, problems: int, n: int) -> None:
    """At most 5 % of audits: 400 audits at 5 % stay below 7.5 % with chance .98; measured are 1 to 4 %."""
    assert null_rate(population, problems, n, 400) < 0.075


@pytest.mark.parametrize("scale", [1.0, 0.2])
def test_the_critical_value_is_that_of_the_verdict_itself(scale: float) -> None:
    """At it, 4 % of the flips get a verdict of change by the rules; a little below, more do.

    With the smaller differences at K, "sharpened" is within reach of flips and takes its part of the 4 %.
    """
    generator = np.random.default_rng(0)
    at_1 = generator.normal(size=(150, 1)) * 0.1
    null = sign_flips(np.hstack([at_1, scale * (at_1 + generator.normal(size=(150, 1)) * 0.2)]))
    critical = _critical(null)

    def share_of_changes(c: float) -> float:
        t_1, t_K, error_K = null.t_BK[:, 0], null.t_BK[:, 1], null.error_BK[:, 1]
        changes = (np.abs(t_K) > c) | ((t_1 > c) & ((t_K + c) * error_K < MARGIN))
        return float(changes.mean())

    assert share_of_changes(critical) <= FALSE_CHANGE < share_of_changes(critical * 0.97)


def test_the_interval_is_as_wide_as_the_critical_value_says() -> None:
    generator = np.random.default_rng(1)
    base, tuned = (answers(64, generator.binomial(64, generator.beta(0.4, 1.2, 120))) for _ in range(2))
    found = boundary_verdict(base, tuned, 64)
    null = sign_flips(np.column_stack([tuned.pass_at_k(k) - base.pass_at_k(k) for k in (1, 32)]))
    for column, change_seen in enumerate((found.pass_at_1, found.pass_at_K)):
        assert change_seen is not None
        width = max(_critical(null), float(null.critical()[column])) * float(null.error_K[column])
        assert change_seen.high - change_seen.low == pytest.approx(2 * width)


@pytest.mark.slow
@pytest.mark.parametrize("population", POPULATIONS)
@pytest.mark.parametrize("problems", [48, 128, 256])
@pytest.mark.parametrize("n", [16, 128])
def test_two_samplings_of_one_model_rarely_change_at_length(population: str, problems: int, n: int) -> None:
    """4,000 audits: a true rate of 5 % stays below 5.9 % with chance .995."""
    assert null_rate(population, problems, n, 4000) < 0.059


@pytest.mark.slow
def test_unequal_numbers_of_answers_rarely_change_anything() -> None:
    assert null_rate("zeros", 96, 256, 2000, n_tuned=32) < 0.062


def test_power() -> None:
    """A loss of 8 points of pass@64 on 128 problems is seen in most audits."""
    generator = np.random.default_rng(4)
    narrowed = 0
    for _ in range(60):
        p = POPULATIONS["zeros"](generator, 128)
        after = np.where((p > 0) & (generator.random(128) < 0.26), 0, p)
        base, tuned = answers(128, generator.binomial(128, p)), answers(128, generator.binomial(128, after))
        narrowed += boundary_verdict(base, tuned, 128, flips=499).verdict == NARROWED
    assert narrowed >= 48
