"""Grading of mathematical answers in tiers; the one that decided stands in `Score.tier`.

    string   the normal forms are the same text
    exact    both are numbers, or lists, tuples, intervals of numbers, compared exactly or within the rules
    deep     sympy and math-verify, in a killable worker with limits of time and memory

An answer that cannot be read is wrong, with the reason. Unknown is what nobody can blame on the response: a gold that
is not readable as mathematics and not the same text, and whatever the deep tier's process could not finish.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache, lru_cache
from typing import Any

from assay.grading.workers import Outcome, Workers
from assay.tasks.math.compare import exact_leaf, is_readable, is_simple, same
from assay.tasks.math.guard import cost_refusal, shape_refusal
from assay.tasks.math.locate import all_boxes, answer_of, text_of_gold
from assay.tasks.math.normal import LONGEST, normal
from assay.tasks.math.rules import Rules
from assay.tasks.math.tree import parse
from assay.types import Score, right, unknown, wrong

LIMIT_SECONDS = 5.0
MEMORY_MIB = 1024

__all__ = ["Rules", "grade", "grade_many", "same_answers"]


@cache
def deep_workers() -> Workers:
    """The processes of the deep tier, shared by all tasks of this process; they start at the first hard answer."""
    return Workers("assay.tasks.math.deep:judge", limit_seconds=LIMIT_SECONDS, memory_mib=MEMORY_MIB)


def grade(response: str, gold: Any, rules: Rules | None = None) -> Score:
    """The verdict on one response. The gold may be plain or LaTeX, delimited or not."""
    return grade_many([(response, gold, rules or Rules())])[0]


def grade_many(items: Sequence[tuple[str, Any, Rules]]) -> list[Score]:
    """The verdicts on many (response, gold, rules); those for the deep tier are worked out side by side."""
    return _decided([_shallow(response, gold, rules) for response, gold, rules in items])


def same_answers(answer: str, others: Sequence[str], rules: Rules) -> list[bool]:
    """Which of the others are right where `answer` is the gold one; all of them in the form of `Score.answer`."""
    scores = _decided([_exact(answer, other, rules) for other in others])
    return [other == answer or bool(score.correct) for other, score in zip(others, scores, strict=True)]


def _decided(scores: Sequence["Score | _Hard"]) -> list[Score]:
    """Those for the deep tier as it says."""
    hard = [score for score in scores if isinstance(score, _Hard)]
    outcomes = iter(_worked_out(hard))
    return [each.score(next(outcomes)) if isinstance(each, _Hard) else each for each in scores]


def _worked_out(hard: Sequence["_Hard"]) -> list[Outcome]:
    """What the deep tier says. Where it ran out of time or memory, the gold alone is tried: which is to blame?"""
    if not hard:
        return []
    outcomes = deep_workers().map(each.item for each in hard)
    failed = [place for place, outcome in enumerate(outcomes) if outcome.fault in ("timeout", "memory", "crash")]
    golds = sorted({hard[place].item[0] for place in failed})
    alone = deep_workers().map((gold, None, True, asdict(Rules())) for gold in golds) if golds else []
    is_fine = {gold: outcome.fault is None for gold, outcome in zip(golds, alone, strict=True)}
    for place in failed:
        if is_fine[hard[place].item[0]]:
            why = f"no answer that can be judged: it {outcomes[place].detail}"
            outcomes[place] = Outcome({"same": False, "why": why})
    return outcomes


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
    if found is not None and len(found.text) > LONGEST:
        return _blamed(wanted, f"no answer: what is marked is longer than {LONGEST} characters", None, rules)
    answer = normal(found.text) if found is not None else ""
    if found is None or not answer:
        return _blamed(wanted, "no answer", None, rules)
    if answer in (wanted, normal(str(gold))):
        return right(judge, _shown(answer), tier="string")
    asked = len(parse(wanted).parts) if found.mark == "boxed" and not shape_refusal(wanted) else 0
    if asked > 1 and len(parts := all_boxes(response)) == asked:  # a box for each part of the question
        answer = normal(" ; ".join(parts))
    return _exact(wanted, answer, rules)


def _exact(gold: str, answer: str, rules: Rules) -> "Score | _Hard":
    def leaf(ours: str, theirs: str) -> bool | None:
        return exact_leaf(ours, theirs, rules)

    refused = _refused(gold, answer, shape_refusal, rules)
    if refused is not None:
        return refused
    if leaf(gold, answer):
        return right(rules.judge, _shown(answer), tier="exact")
    readings = (True, False) if "," in gold + answer else (True,)
    verdicts = {grouped: same(parse(gold, grouped), parse(answer, grouped), leaf, rules) for grouped in readings}
    if True in verdicts.values():
        return right(rules.judge, _shown(answer), tier="exact")
    if None not in verdicts.values():
        return _blamed(gold, "another value", answer, rules)
    grouped = next(reading for reading in readings if verdicts[reading] is None)
    return _refused(gold, answer, cost_refusal, rules) or _Hard(gold, answer, grouped, rules)


def _refused(gold: str, answer: str, refusal: Callable[[str], str | None], rules: Rules) -> Score | None:
    """The verdict where a guard refuses one of the two."""
    blame = refusal(gold)
    if blame is not None:
        return unknown(rules.judge, f"the gold answer {blame}", answer=_shown(answer), tier="exact")
    blame = refusal(answer)
    return None if blame is None else _blamed(gold, f"no answer that can be judged: it {blame}", answer, rules)


def _blamed(gold: str, reason: str, answer: str | None, rules: Rules) -> Score:
    """A wrong answer, but unknown where the gold could not have been compared with a better one."""
    tier = "string" if answer is None else "exact"
    if not _can_be_compared(gold):
        return unknown(rules.judge, "the gold answer is not readable as mathematics", tier=tier)
    return wrong(rules.judge, reason, None if answer is None else _shown(answer), tier=tier)


@lru_cache(maxsize=10_000)
def _can_be_compared(gold: str) -> bool:
    """Whether a gold can be read; one that is no number and no words is given to the deep tier, once."""
    if is_simple(gold):
        return True
    if shape_refusal(gold):
        return False
    if is_readable(parse(gold)):
        return True
    if cost_refusal(gold):
        return False
    outcome = deep_workers().one((gold, None, True, asdict(Rules())))
    return outcome.fault is None and bool(outcome.value["same"])


def _shown(answer: str) -> str:
    return answer[:200]
