"""The grading service: every item comes back with what became of it, and the bad ones cost no other item anything."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from assay.errors import RecipeError
from assay.grading.workers import Outcome, Workers
from processes import is_alive

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def workers():
    sys.path.insert(0, str(HERE))
    with Workers("graders:mixed", workers=2, limit_seconds=1.0, memory_mib=256) as found:
        yield found
    sys.path.remove(str(HERE))


@pytest.mark.parametrize(
    ("item", "fault", "detail"),
    [
        ("hang", "timeout", "took longer than 1 s"),
        ("crash", "crash", "died"),
        ("memory", "memory", "more memory"),
        ("growing memory", "memory", "more memory"),
        ("exit", "error", "SystemExit: 3 (graders.py, line"),
        ("no such", "error", "ValueError: no such item: no such (graders.py, line"),
        ("not json", "error", "set is not JSON serializable"),
        ("nan", "error", "ValueError"),
        ("deep", "error", "RecursionError"),
    ],
)
def test_what_goes_wrong_is_named(workers, item, fault, detail) -> None:
    outcome = workers.one(item)
    assert (outcome.value, outcome.fault) == (None, fault)
    assert detail in outcome.detail


def test_a_grader_may_print(workers) -> None:
    assert workers.one("print") == Outcome(None)


def test_5000_mixed_items_all_come_back_in_bounded_time(workers) -> None:
    """1 % hangs, 1 % crashes, 1 % memory hogs: the right outcome for each, in hangs x limit / workers plus the work.

    The work is timed on the same items with the hangs left out; a hang costs its limit, shared by two workers.
    """
    items = list(range(4850)) + ["hang"] * 50 + ["crash"] * 50 + ["memory"] * 50
    random.Random(0).shuffle(items)
    workers.limit_seconds = 0.25
    began = time.monotonic()
    normal = workers.map([item for item in items if item != "hang"])
    work = time.monotonic() - began
    began = time.monotonic()
    outcomes = workers.map(items)
    seconds = time.monotonic() - began
    workers.limit_seconds = 1.0
    assert len(normal) == 4950
    wanted = {"hang": "timeout", "crash": "crash", "memory": "memory"}
    for item, outcome in zip(items, outcomes, strict=True):
        assert outcome.fault == wanted.get(item), (item, outcome)
        assert isinstance(item, str) or outcome.value["double"] == 2 * item
    assert Counter(outcome.fault for outcome in outcomes) == {None: 4850, "timeout": 50, "crash": 50, "memory": 50}
    assert seconds < 50 * 0.25 / 2 + 2 * work + 2


def test_both_workers_work(workers) -> None:
    assert len({outcome.value["pid"] for outcome in workers.map(range(500))}) == 2


def test_it_works_from_threads_at_once(workers) -> None:
    found = {}

    def run(start: int) -> None:
        found[start] = [outcome.value["double"] for outcome in workers.map(range(start, start + 200))]

    threads = [threading.Thread(target=run, args=(start,)) for start in (0, 1000, 2000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {start: [2 * i for i in range(start, start + 200)] for start in (0, 1000, 2000)}


def test_an_idle_worker_that_was_killed_is_replaced(workers) -> None:
    pids = {outcome.value["pid"] for outcome in workers.map(range(100))}
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    outcomes = workers.map(range(100))
    assert [outcome.value["double"] for outcome in outcomes if not outcome.fault] == [2 * i for i in range(100)]
    assert not pids & {outcome.value["pid"] for outcome in outcomes}


def test_large_items_travel_whole(workers) -> None:
    """Longer than any socket's buffer; the answer is that there is no such item."""
    outcomes = workers.map(["x" * 3_000_000] * 4)
    assert [outcome.fault for outcome in outcomes] == ["error"] * 4


def test_a_target_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(RecipeError, match=r"workers cannot run no_such_module:grade: .*No module named"):
        Workers("no_such_module:grade").one(1)


def test_nothing_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    """kill -9 of the parent in the middle of a hang: zygote and workers go too."""
    program = f"""
import sys; sys.path.insert(0, {str(HERE)!r})
from assay.grading.workers import Workers
workers = Workers("graders:mixed", workers=2, limit_seconds=60)
print(*(outcome.value["pid"] for outcome in workers.map(range(50))), flush=True)
workers.map(["hang", "hang"])
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = {int(pid) for pid in parent.stdout.readline().split()}
        time.sleep(0.2)
        parent.kill()
    deadline = time.monotonic() + 5
    while any(map(is_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert pids and not any(map(is_alive, pids))
