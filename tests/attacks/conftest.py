"""All attacks that were selected are graded once, in one batch, with honest programs among them."""

import time
from dataclasses import dataclass

import pytest
from arena import HONEST, LIMITS, Attack, plain_harness
from host import Host, look

from assay.grading.sandbox import why_not
from assay.tasks.code.grade import Run, grade_programs
from assay.types import Score, Verdict

EVERY = 5
"""Of so many programs of the batch, one is honest."""


@dataclass(frozen=True)
class Batch:
    """What became of the attacks, by name, and of the honest programs; the machine before and after; wall time."""

    scores: dict[str, Score]
    honest: list[Score]
    before: Host
    after: Host
    seconds: float


@dataclass(frozen=True)
class Fate:
    """What became of one attack: `ours` is how it ended here, for which `reason` has the words."""

    ours: str
    reason: str
    attack: Attack

    @property
    def plain(self) -> str:
        """What an ordinary harness says of it: "passed" or "failed"."""
        return plain_harness(self.attack)


@pytest.fixture(scope="session")
def sandbox():
    """Skips where programs cannot be confined."""
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def batch(request, sandbox) -> Batch:
    """What is left for the next is looked for by a second run: of an attack named left_*, the second is kept."""
    items = [item for item in request.session.items if item.name.startswith("test_attack_")]
    attacks = {_name(item): item.module.ATTACKS[_name(item)] for item in items}
    names = [*attacks, *(name for name in attacks if name.startswith("left_"))]
    for place in range(0, len(names) + len(names) // EVERY + 1, EVERY):
        names.insert(place, "honest")
    attacks["honest"] = Attack(HONEST)
    programs = [(attacks[name].source, attacks[name].graded_by) for name in names]
    grade_programs(programs[:1], Run(LIMITS))  # the workers are there before the clock starts
    before, began = look(), time.monotonic()
    scores = grade_programs(programs, Run(LIMITS))
    seconds = time.monotonic() - began
    pairs = list(zip(names, scores, strict=True))
    return Batch(dict(pairs), [score for name, score in pairs if name == "honest"], before, look(), seconds)


def _name(item: pytest.Item) -> str:
    return item.name.removeprefix("test_attack_")


@pytest.fixture
def attack(request, batch) -> Fate:
    """The fate of the attack that the test is named after; where it was not judged wrong, the test fails here."""
    name = _name(request.node)
    score = batch.scores[name]
    assert score.verdict is Verdict.WRONG, f"{score.verdict}: {score.reason}"
    return Fate(score.reason.split(":")[0], score.reason, request.module.ATTACKS[name])
