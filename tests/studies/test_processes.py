"""What a job does to its process is a sentence to the study, and jobs end when it stops."""

import pytest

from assay.studies.jobs import Job
from assay.studies.processes import side_by_side
from processes import is_alive


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


def test_jobs_are_stopped_where_their_study_is(tmp_path):
    """Ctrl-C comes as an exception; here the first words of a job that lasts raise it."""
    said = []

    def stop(text):
        said.append(int(text.removeprefix("lasts: ")))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        side_by_side(tmp_path, [job("lasts")], 1, 2.0, stop, print)
    assert len(said) == 1 and not is_alive(said[0])
