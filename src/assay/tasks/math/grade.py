"""Grading of mathematical answers in tiers; the one that decided stands in `Score.tier`.

    string   the normal forms are the same text
    exact    both are numbers, or lists, tuples, intervals of numbers, compared exactly or within the rules
    deep     sympy and math-verify, in a killable worker with limits of time and memory

An answer that cannot be read is wrong, with the reason. Unknown is what nobody can blame on the response: a gold that
is not readable as mathematics and not the same text, and whatever the deep tier's process could not finish.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from assay.grading.workers import Outcome, Workers
from assay.tasks.math.compare import exact_leaf, same
from assay.tasks.math.guard import refusal
from assay.tasks.math.locate import answer_of, text_of_gold
from assay.tasks.math.normal import LONGEST, normal
from assay.tasks.math.rules import Rules
from assay.tasks.math.tree import parse
from assay.types import Score, right, unknown, wrong

LIMIT_SECONDS = 5.0
MEMORY_MIB = 1024

__all__ = ["Rules", "grade", "grade_many"]


@cache
def deep_workers() -> Workers:
    """The processes of the deep tier, shared by all tasks of this process; they start at the first hard answer."""
    return Workers("assay.tasks.math.deep:judge", limit_seconds=LIMIT_SECONDS, memory_mib=MEMORY_MIB)


def grade(response: str, gold: Any, rules: Rules | None = None) -> Score:
    """The verdict on one response. The gold may be plain or LaTeX, delimited or not."""
    return grade_many([(response, gold, rules or Rules())])[0]


def grade_many(items: Sequence[tuple[str, Any, Rules]]) -> list[Score]:
    """The verdicts on many (response, gold, rules); those for the deep tier are worked out side by side."""
    scores: list[Score | _Hard] = [_shallow(response, gold, rules) for response, gold, rules in items]
    hard = [score for score in scores if isinstance(score, _Hard)]
    if hard:
        outcomes = iter(deep_workers().map(each.item for each in hard))
        return [each.score(next(outcomes)) if isinstance(each, _Hard) else each for each in scores]
    return [score for score in scores if isinstance(score, Score)]


class _Hard:
    """An answer for the deep tier."""

    def __init__(self, gold: str, answer: str, grouped: bool, rules: Rules) -> None:
        self.answer, self.rules = answer, rules
        self.item = (gold, answer, grouped, asdict(rules))

    def score(self, outcome: Outcome) -> Score:
        """What the worker's answer, or its fault, means."""
        judge, tier = self.rules.judge, "deep"
        if outcome.fault is not None:
            return unknown(judge, f"{outcome.fault}: {outcome.detail}", answer=_shown(self.answer), tier=tier)
        if outcome.value["same"] is None:
            return unknown(judge, outcome.value["why"], answer=_shown(self.answer), tier=tier)
        if outcome.value["same"]:
            return right(judge, _shown(self.answer), tier=tier)
        return wrong(judge, outcome.value["why"] or "another value", _shown(self.answer), tier=tier)


def _shallow(response: str, gold: Any, rules: Rules) -> "Score | _Hard":
    """The verdict of the tiers that need no other process, or what is to be asked of the deep one."""
    judge = rules.judge
    wanted = (
        normal(text_of_gold(str(gold))) if isinstance(gold, str | int | float) and not isinstance(gold, bool) else ""
    )
    if not wanted or len(wanted) > LONGEST:
        return unknown(judge, "the gold answer is empty or too long to be one", tier="string")
    found = answer_of(response, rules.boxed_only)
    if found is None or not found.text.strip():
        return wrong(judge, "no answer", tier="string")
    if len(found.text) > LONGEST:
        return wrong(judge, f"no answer: what is marked is longer than {LONGEST} characters", tier="string")
    answer = normal(found.text)
    if not answer:
        return wrong(judge, "no answer", tier="string")
    if answer in (wanted, normal(str(gold))):
        return right(judge, _shown(answer), tier="string")
    return _exact(wanted, answer, rules)


def _exact(gold: str, answer: str, rules: Rules) -> "Score | _Hard":
    def leaf(ours: str, theirs: str) -> bool | None:
        return exact_leaf(ours, theirs, rules)

    if leaf(gold, answer):
        return right(rules.judge, _shown(answer), tier="exact")
    readings = (True, False) if "," in gold + answer else (True,)
    verdicts = {grouped: same(parse(gold, grouped), parse(answer, grouped), leaf, rules) for grouped in readings}
    if True in verdicts.values():
        return right(rules.judge, _shown(answer), tier="exact")
    if None not in verdicts.values():
        return wrong(rules.judge, "another value", _shown(answer), tier="exact")
    blame = refusal(gold)
    if blame is not None:
        return unknown(rules.judge, f"the gold answer {blame}", answer=_shown(answer), tier="exact")
    blame = refusal(answer)
    if blame is not None:
        return wrong(rules.judge, f"no answer that can be judged: it {blame}", _shown(answer), tier="exact")
    grouped = next(reading for reading in readings if verdicts[reading] is None)
    return _Hard(gold, answer, grouped, rules)


def _shown(answer: str) -> str:
    return answer[:200]
