"""`assay study` from the user's end: to its end, again, after a kill, after a failure, grown and changed."""

import os
import signal
import subprocess
import sys
import time

import made_studies
import polars as pl
import pytest

from assay.cli.main import VERBS
from assay.cli.main import run as assay
from assay.files import held
from assay.store import Run
from assay.studies import run as studies
from assay.studies.file import load_study
from assay.studies.matrix import Cell, Matrix
from assay.tasks.splits import split_of
from processes import is_alive


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the studies are."""
    return tmp_path_factory.mktemp("studies")


@pytest.fixture(scope="module")
def killed(folder):
    """A study in a process that kills itself as its first cell ends; it runs beside the next one."""
    (folder / "tiny.toml").write_text(made_studies.TINY)
    script = [sys.executable, made_studies.__file__, folder / "pids"]
    command = [*script, "study", folder / "tiny.toml", "--out", folder / "killed"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as study:
        yield study


@pytest.fixture(scope="module")
def whole(folder, killed):
    """(file, directory) of a study that nothing disturbed."""
    assert assay(["study", str(folder / "tiny.toml"), "--out", str(folder / "whole")]) == 0
    return folder / "tiny.toml", folder / "whole"


def states(folder):
    """Path -> (inode, time of the last change) of all that runs and samples left."""
    found = [path for part in ("votes", "runs", "samples") for path in (folder / part).rglob("*") if path.is_file()]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def matrix_of(file, out):
    return Matrix(load_study(file), out)


def test_every_cell_is_a_run_with_its_samples(whole, capsys):
    """Two arms, one seed; the arm that is matched has a file more, at the temperature that its search found."""
    matrix = matrix_of(*whole)
    assert [matrix.is_done(cell) for cell in matrix.cells()] == [True] * 2
    cell = Cell("code-base", "ground_truth", 1)
    run = Run.open(matrix.run(cell))
    assert run.manifest["seed"] == 1 and run.recipe.rollout.problems == str(matrix.votes("code-base"))
    assert len(matrix.files_of(cell)) == 2 and matrix.search(cell).is_file()
    temperatures = [set(pl.read_parquet(file)["temperature"]) for file in matrix.files_of(cell)]
    assert temperatures[0] == {1.0} and f'"temperature": {temperatures[1].pop()}' in matrix.search(cell).read_text()
    votes = pl.read_parquet(matrix.votes("code-base"))
    assert len(votes) == 8 and {split_of(problem) for problem in votes["problem"]} == {"train"}


def test_the_same_command_again_does_nothing_again(whole, capsys):
    file, out = whole
    before = states(out)
    assert assay(["study", str(file), "--out", str(out), "--processes", "1"]) == 0
    assert states(out) == before
    said = capsys.readouterr()
    assert "gain (code-base): not shown\n  pass@1 changes by" in said.out and "under random" in said.out
    assert f"report   {out / 'report.html'}" in said.out and (out / "report.html").is_file()
    assert "2 arms x 1 family x 1 seed = 2 runs, 2 of them done" in said.err
    assert "at most 4 GiB each" in said.err and "already there" in said.err


def test_a_killed_study_continues_and_ends_the_same(whole, killed, folder):
    """SIGKILL as a cell ends: its processes end too, that cell stays as it is, and all results are those of the study
    that nothing disturbed."""
    file, undisturbed = whole
    matrix = matrix_of(file, folder / "killed")
    assert killed.wait(60) == -signal.SIGKILL
    processes = [int(pid) for pid in (folder / "pids").read_text().split()]
    end = time.monotonic() + 10
    while any(map(is_alive, processes)):
        assert time.monotonic() < end, "a process goes on"
        time.sleep(0.02)
    assert len(processes) >= 2
    done = [cell for cell in matrix.cells() if matrix.is_done(cell)]
    runs = [matrix.run(cell) for cell in done]
    kept = {path: state for path, state in states(matrix.out).items() if any(run in path.parents for run in runs)}
    assert len(done) == 1 and kept

    assert assay(["study", str(file), "--out", str(matrix.out)]) == 0
    assert kept.items() <= states(matrix.out).items()
    files = list(undisturbed.rglob("*.parquet"))
    assert len(files) == 1 + 1 + 2 + 1
    for path in files:
        there = pl.read_parquet(matrix.out / path.relative_to(undisturbed))
        assert there.equals(pl.read_parquet(path)), path.name


def test_a_failed_cell_is_told_and_tried_again(whole, tmp_path, capsys):
    """Half a run stands where one should be. The other cell is done; put right, the same command does this one."""
    file, _ = whole
    out = tmp_path / "failing"
    command = ["study", str(file), "--out", str(out), "--set", "matched=[]"]
    matrix = matrix_of(file, out)
    broken, fine = Cell("code-base", "random", 1), Cell("code-base", "ground_truth", 1)
    assert assay([*command, "--dry-run"]) == 0 and not out.exists()
    out.mkdir()
    matrix.file.write_text(load_study(file, ["matched=[]"]).to_toml())
    matrix.run(broken).mkdir(parents=True)
    (matrix.run(broken) / "run.json").write_text('{"status": "started"}')
    assert assay(command) == 2
    said = capsys.readouterr()
    assert (
        "1 of 4 jobs failed; the same command tries them again" in said.err
        and "recipe.toml: cannot be read" in said.err
    )
    assert "under random" not in said.out and "one seed: what differs between two arms may be the luck" in said.out
    assert Matrix(load_study(matrix.file), out).is_done(fine)
    assert "recipe.toml: cannot be read" in matrix.failure(broken).read_text()

    (matrix.run(broken) / "run.json").unlink()  # as a kill leaves it
    assert assay(command) == 0
    assert not matrix.failure(broken).exists() and "under random" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--set", "recipe.steps=3"], "holds another study (recipe.steps is 2 there and 3 here); give another --out"),
        (["--set", "pool.votes=4"], "pool.votes is 2 there and 4 here"),
        (["--set", "seeds=[2]"], "seeds is [1] there and [2] here"),
        (["--set", 'arms.random.reward=["format"]'], 'arms.random.reward is ["random"] there and ["format"] here'),
        (["--set", "recipe.optimizer.warmup_steps=1"], "recipe.optimizer.warmup_steps is not given there and 1 here"),
    ],
)
def test_another_study_in_the_same_place_is_refused(whole, more, sentence, capsys):
    file, out = whole
    before = (out / "study.toml").read_text()
    assert assay(["study", str(file), "--out", str(out), *more]) == 2
    assert sentence in capsys.readouterr().err and (out / "study.toml").read_text() == before


def test_a_study_may_grow(whole, capsys):
    """A seed and an arm more: what there is to do are the new arm's first seed and three cells of the new seed; another
    budget changes nothing."""
    file, out = whole
    more = ["seeds=[1, 2]", 'arms.form.reward=["format"]', "budget.memory_gib=2"]
    command = ["study", str(file), "--out", str(out), "--dry-run", *(word for each in more for word in ("--set", each))]
    assert assay(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("done") for line in lines) == 2 + 2
    assert [line.split(None, 2)[2] for line in lines if line.startswith("to do")] == [
        "code-base, form, seed 1", "code-base, ground_truth, seed 2", "code-base, random, seed 2",
        "code-base, form, seed 2",
    ]  # fmt: skip


def test_one_study_one_process(whole, capsys):
    file, out = whole
    with held(out, "taken"):
        assert assay(["study", str(file), "--out", str(out)]) == 2
    assert "another process runs this study" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["quik"],
            "quik: there is no such study, did you mean 'quick'?; give a TOML file, or quick, standard, mech",
        ),
        (["none.toml"], "none.toml: cannot read this study"),
        (["FILE", "--set", "families.other=./nothing"], "there is no such directory"),
        (["FILE", "--set", 'arms.bad.reward=["no_such:thing"]'], "no_such"),
        (["FILE", "--set", 'arms.bad.reward=["majority:votes and strategi:x"]'], "its term 'strategi:x'"),
        (["FILE", "--set", 'arms.bad.set=["algorithm.updates=5"]'], "algorithm.updates 5 is more than the 4 samples"),
        (
            ["FILE", "--set", 'audits=[{task = "compose:egde"}]'],
            "audits, table 1: task: task compose: 'rung': should be",
        ),
        (["FILE", "--set", 'recipe.task.name="compos"'], "recipe.task: unknown task 'compos', did you mean 'compose'?"),
        (["FILE", "--set", 'arms.bad.set=["algorithm.clipp=1"]'], "arm bad: unknown key 'algorithm.clipp'"),
    ],
)
def test_mistakes_are_told_before_anything_is_done(whole, arguments, sentence, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    given = [str(whole[0]) if word == "FILE" else word for word in arguments]
    assert assay(["study", *given, "--out", "out"]) == 2
    error = capsys.readouterr().err
    assert sentence in error and "Traceback" not in error and not (tmp_path / "out").exists()


def test_a_directory_of_something_else_is_left_alone(whole, tmp_path, capsys):
    (tmp_path / "mine").write_text("mine")
    assert assay(["study", str(whole[0]), "--out", str(tmp_path)]) == 2
    assert "already exists and holds no study; give another --out" in capsys.readouterr().err


def test_a_base_that_cannot_be_sampled_takes_its_family_with_it(whole, tmp_path, monkeypatch):
    """Its two cells are told why; no process is started for them."""

    def fails(matrix, jobs, processes, memory_gib, note, ended):
        for job in jobs:
            assert job.cell is None
            ended(job, "no memory" if "votes" in job.name else None)

    monkeypatch.setattr(studies, "side_by_side", fails)
    matrix, counted = matrix_of(whole[0], tmp_path), []
    failed = studies.run_study(matrix, 2, print, counted.append)
    assert failed.pop("code-base, base: votes") == "no memory"
    assert set(failed.values()) == {"its base could not be sampled: no memory"} and len(failed) == 2
    assert sum(counted) == studies.count_jobs(matrix) == 4
    told = {matrix.failure(cell).read_text() for cell in matrix.cells()}
    assert told == {"its base could not be sampled: no memory\n"}


@pytest.mark.parametrize(("name", "runs"), [("quick", 6), ("standard", 30), ("full", 135)])
def test_shipped_studies_can_run(name, runs, tmp_path, capsys):
    assert "study" in VERBS and assay(["study", name, "--dry-run", "--out", str(tmp_path / "out")]) == 0
    assert f"= {runs} runs, 0 of them done" in capsys.readouterr().out
