"""Verifiers in killable processes: those of other people, and ours whose patterns are other people's.

One that hangs, crashes or eats memory stops nothing.

What the function raises, and what it returns but may not, is a fault of the verifier, so the response is UNKNOWN.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

from assay.grading.workers import Outcome, Workers
from assay.registry import resolve
from assay.tasks.verifiers import as_score
from assay.types import Score, Verdict, unknown

_LOG = logging.getLogger("assay")

LIMIT_SECONDS = 10.0
MEMORY_MIB = 4096
REPORT = """verifier %s raised; such responses are unknown. This is reported once.
Traceback (most recent call last):
%s%s"""

_reported: set[tuple[str, str | None, str]] = set()
"""Causes of failure that were logged: the verifier, where it raised, and the type of what it raised."""


def grade_foreign(
    target: str, pairs: Sequence[tuple[str, Any]], options: Mapping[str, Any] | None = None
) -> list[Score]:
    """What the function "module:function" says of each (response, gold), called with the options as keywords."""
    outcomes = _workers(target).map((target, response, gold, dict(options or {})) for response, gold in pairs)
    for outcome in outcomes:
        cause = (target, outcome.trace, (outcome.detail or "").partition(":")[0])  # whatever the message
        if outcome.trace and cause not in _reported:
            _reported.add(cause)
            _LOG.error(REPORT, target, outcome.trace, outcome.detail)
    return [_score(target, outcome) for outcome in outcomes]


@cache
def _workers(target: str) -> Workers:
    return Workers("assay.tasks.foreign:call", limit_seconds=LIMIT_SECONDS, memory_mib=MEMORY_MIB, load=(target,))


def call(item: tuple[str, str, Any, dict[str, Any]]) -> dict[str, Any]:
    """Runs in a worker: the fields of the Score."""
    target, response, gold, options = item
    return asdict(as_score(target, resolve(target)(response, gold, **options)))


def _score(target: str, outcome: Outcome) -> Score:
    if outcome.fault is not None:
        return unknown(target, f"{outcome.fault}: {outcome.detail}"[:300])
    fields = dict(outcome.value)
    steps = fields.pop("steps")
    return Score(**{**fields, "verdict": Verdict(fields["verdict"])}, steps=None if steps is None else tuple(steps))
