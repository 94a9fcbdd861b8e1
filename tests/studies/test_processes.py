"""What a job does to its process is a sentence to the study, and jobs end when it stops."""

import time
from pathlib import Path

import pytest

from assay.studies.jobs import Job
from assay.studies.processes import side_by_side


def job(name):
    return Job(name, "family", f"jobs_of_tests:{name}", (), ())


def test_a_failed_job_is_a_sentence_and_the_others_go_on(tmp_path):
    """One at a time, of 2 GiB: of the twelve pieces of 256 MiB of `eats` at most eight fit."""
    names = ["refused", "eats", "killed", "faulty", "fine"]
    why, notes = {}, []
    side_by_side(
        tmp_path, [job(name) for name in names], 1, 2.0, notes.append, lambda job, text: why.update({job.name: text})
    )
    assert list(why) == names
    assert why["refused"] == "no such thing; do another"
    assert why["eats"].startswith("needs more than its 2 GiB of memory; give a larger budget.memory_gib")
    assert "signal SIGKILL" in why["killed"]
    assert why["faulty"].startswith("Traceback") and why["faulty"].endswith("KeyError: 'missing'")
    assert why["fine"] is None
    assert [note.split(" in ")[0] for note in notes] == ["fine: with 1 thread", "fine: done"]


def pid_in(folder, seconds=30.0):
    """Of a job that lasts, as soon as it is there."""
    end = time.monotonic() + seconds
    while not (folder / "pid").exists() or not (folder / "pid").read_text():
        assert time.monotonic() < end, "the job did not begin"
        time.sleep(0.02)
    return int((folder / "pid").read_text())


def is_alive(pid):
    """A process that has ended and waits to be buried is not."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_jobs_are_stopped_where_their_study_is(tmp_path):
    """Ctrl-C comes as an exception; here `ended` of the first job raises it while the second one lasts."""

    def stop(*_):
        pid_in(tmp_path)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side(tmp_path, [job("fine"), job("lasts")], 2, 2.0, lambda _: None, stop)
    assert not is_alive(pid_in(tmp_path))
