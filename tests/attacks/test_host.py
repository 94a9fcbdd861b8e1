"""What all attacks together leave of the machine, and of the honest programs among them."""

import subprocess
import sys
import time

from arena import HONEST, LIMITS, MARK, Attack
from host import look, sandboxes

from assay.grading.sandbox import Program
from assay.grading.workers import usable_cores
from assay.tasks.code.grade import Run, grade_programs
from assay.types import Verdict

LOOKS = """
import os, sys
def look(folder): return [sorted(os.listdir(folder)), os.listdir("/tmp"), sorted(os.environ), sorted(sys.modules)]
"""


def test_honest_programs_among_the_attacks_are_right(batch):
    """Also: or the attacks could be refused for a reason that has nothing to do with them."""
    assert batch.honest and all(score.verdict is Verdict.RIGHT for score in batch.honest)


def test_no_attack_is_accepted_and_none_goes_unjudged(batch):
    others = {name: score for name, score in batch.scores.items() if name != "honest"}
    assert {name: score.reason for name, score in others.items() if score.verdict is not Verdict.WRONG} == {}


def test_attacks_change_nothing_of_the_machine(batch):
    """Files and their modes and times, what lies in shared folders, environment, processes."""
    assert batch.after == batch.before
    assert not batch.after.left and not batch.after.sandboxes


def test_attacks_take_no_longer_than_their_own_limits(batch):
    """Shared by the workers; two seconds for the rest."""
    timeouts = sum((score.reason or "").startswith("timeout") for score in batch.scores.values())
    rest = 0.15 * (len(batch.scores) + len(batch.honest)) + 2
    assert batch.seconds < (timeouts * LIMITS.wall_seconds + rest) / min(2, usable_cores())


def test_a_running_sandbox_is_seen(sandbox):
    """By the search for processes that outlast their program, which finds none otherwise."""
    with Program(HONEST, LIMITS):
        assert sandboxes()
    assert not look().sandboxes


def test_the_second_program_finds_what_the_first_did(sandbox):
    """Between the two, one that writes wherever it can."""
    writer = "import os, sys\nopen('/tmp/assay_attack', 'w').close()\nos.environ['A'] = '1'\nimport json\n"
    found = []
    for source in (LOOKS, writer + LOOKS, LOOKS):
        with Program(source, LIMITS) as program:
            found.append(program.call("look", ("/",)))
    assert found[0] == found[2] != found[1] and found[0][1] == []


def test_an_honest_program_beside_hostile_ones_is_in_time(sandbox):
    """Each gets its own limits: 2 hogs beside it on 2 cores cost it nothing but its share of the processor."""
    hogs = ["kept = []\ndef f(n):\n    while True: kept.append(bytearray(10 ** 5))", "def f(n):\n    while True: pass"]
    programs = [(source, Attack(source).graded_by) for source in (hogs[0], HONEST, hogs[1], HONEST)]
    began = time.monotonic()
    verdicts = [score.verdict for score in grade_programs(programs, Run(LIMITS))]
    assert verdicts == [Verdict.WRONG, Verdict.RIGHT] * 2
    assert time.monotonic() - began < 2 * LIMITS.wall_seconds + 1


def test_sandboxes_end_with_a_grader_that_is_killed(sandbox, tmp_path):
    """Killed with its workers and their sandboxes at work: nothing of these is left to clean up after itself."""
    source = "import time\ndef f(n): time.sleep(60)"
    script = (
        "import sys\nfrom assay.grading.sandbox import Limits\n"
        "from assay.tasks.code.grade import Run, Tests, grade_programs\n"
        "run = Run(Limits(wall_seconds=60, output_bytes=int(sys.argv[1])))\n"
        f"grade_programs([({source!r}, Tests('f', 'f(1)'))] * 4, run)\n"
    )
    grader = subprocess.Popen([sys.executable, "-c", script, str(MARK)])
    try:
        _wait_until(lambda: len(sandboxes()) >= 2, 20)
    finally:
        grader.kill()
        grader.wait()
    _wait_until(lambda: not sandboxes(), 5)


def _wait_until(is_so, seconds):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_programs_end_with_the_process_that_judges_them(sandbox):
    """A worker that is killed takes its sandbox along; also where bubblewrap alone is killed."""
    program = Program("import time\ndef f(n): time.sleep(60)", LIMITS)
    with program:
        assert sandboxes()
        program.process.nursery.process.kill()
        deadline = time.monotonic() + 1
        while sandboxes() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not sandboxes()
