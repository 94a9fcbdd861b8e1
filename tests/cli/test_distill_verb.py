"""`assay distill`, from a teacher or a file to a trained student, stopped and continued, and given wrongly."""

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from assay.cli.main import run as assay
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.rollout import sampling
from assay.samples import write_samples
from assay.store import Run
from assay.tasks import make_task

TEACHER = ["--teacher", "organism:teacher", "--task", "compose:seen", "--problems", "12", "-n", "2"]
RL = Path(__file__).parents[2] / "recipes" / "compose-grpo.toml"
TRAIN = ["--set", "steps=2", "--set", "batch=8"]


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("student")
    make_model(Shape(hidden=16, layers=1, heads=2, mlp=16, max_positions=160), 0).save_pretrained(folder)
    make_tokenizer(160).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def distilled(student, tmp_path_factory):
    out = tmp_path_factory.mktemp("distilled") / "out"
    assert assay(["distill", *TEACHER, "--student", student, "--out", str(out), *TRAIN]) == 0
    return out


def test_from_a_teacher_to_a_student(distilled):
    found = json.loads((distilled / "yield.json").read_text())
    rows = [json.loads(line) for line in (distilled / "traces.jsonl").read_text().splitlines()]
    samples = pl.read_parquet(distilled / "teacher.parquet")
    assert found["sampled"] == len(samples) == 24 and found["problems"] == 12
    assert found["accepted"] == samples["correct"].sum() and 0 < found["kept"] == len(rows) <= found["accepted"]
    task = make_task("compose:seen")
    for row in rows:
        prompt = task.prompt_of(row["problem"])
        assert task.verify(prompt, row["completion"]).correct and prompt.text == row["prompt"]
        assert prompt.split == "train"
    run = Run.open(distilled / "run")
    assert run.is_finished() and run.any_recipe.task == {"name": "compose", "rung": "seen"}


def test_the_same_command_continues_and_another_is_refused(distilled, student, monkeypatch, capsys):
    """Stopped after the traces: nothing is sampled twice, and the run ends as the whole one."""
    before = {path.name: path.read_bytes() for path in distilled.glob("*.*")}
    weights = (distilled / "run" / "model" / "model.safetensors").read_bytes()
    (distilled / "run").rename(distilled / "first")
    monkeypatch.setattr(sampling, "draw_parts", None)
    command = ["distill", *TEACHER, "--student", student, "--out", str(distilled), *TRAIN]
    assert assay(command) == 0
    assert {path.name: path.read_bytes() for path in distilled.glob("*.*")} == before
    assert (distilled / "run" / "model" / "model.safetensors").read_bytes() == weights
    assert assay(command) == 0
    assert "the run is finished" in capsys.readouterr().err
    assert assay([*command, "--set", "epochs=5"]) == 2
    assert "holds a run of another student or recipe; give another --out" in capsys.readouterr().err
    assert assay([*command, "--per-problem", "1", "--seed", "1"]) == 2
    assert "was made under other settings" in capsys.readouterr().err


def test_a_file_of_traces_is_judged_where_it_is_not(distilled, tmp_path, capsys):
    rows = pl.read_parquet(distilled / "teacher.parquet").select("problem", "response")
    file = write_samples(tmp_path / "bare.jsonl", rows)
    command = ["distill", "--traces", str(file), "--task", "compose:seen", "--no-train", "--out", str(tmp_path / "out")]
    assert assay(command) == 0
    ours, theirs = (json.loads((each / "yield.json").read_text()) for each in (tmp_path / "out", distilled))
    same = ("sampled", "accepted", "duplicates", "kept", "yield", "coverage", "by_problem")
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert ours["tokens_kept"] is None and theirs["tokens_kept"] > 0
    assert "coverage" in capsys.readouterr().out and not (tmp_path / "out" / "run").exists()


def test_a_partly_graded_file_and_a_foreign_column_change_nothing(distilled, tmp_path, capsys):
    """Verdicts are missing, another's, or turned round with another's name; the solution is the same for all."""
    rows = pl.read_parquet(distilled / "teacher.parquet").drop("correct").with_columns(solution=pl.lit("reference"))
    verdicts = [None, None, None, rows["verdict"][3], *[None, "right", "wrong", "unknown"] * 5]
    judges = [*rows["judge"][:4], *["theirs"] * 20]
    wrong = rows.with_columns(verdict=pl.Series(verdicts), judge=pl.Series(judges))
    file = write_samples(tmp_path / "s.parquet", wrong)
    out = tmp_path / "out"
    command = ["distill", "--traces", str(file), "--task", "compose:seen", "--no-train", "--out", str(out)]
    assert assay(command) == 0
    assert (out / "traces.jsonl").read_bytes() == (distilled / "traces.jsonl").read_bytes()
    assert json.loads((out / "yield.json").read_text())["judged"] == 23
    assert "23 samples that had no verdict of compose.exact@1" in capsys.readouterr().out
    assert json.loads((distilled / "yield.json").read_text())["judged"] == 0
    assert assay([*command[:4], "compose:hard", *command[5:]]) == 2
    assert "the samples are of compose:seen, not of compose:hard" in capsys.readouterr().err


def test_nothing_is_sampled_in_vain(distilled, student, tmp_path, monkeypatch, capsys):
    """Neither for a student that cannot be read, nor beside the traces of other samples."""
    monkeypatch.setattr(sampling, "draw_parts", None)
    out = tmp_path / "out"
    out.mkdir()
    mute = tmp_path / "mute"
    shutil.copytree(student, mute, ignore=shutil.ignore_patterns("tokenizer*"))
    assert assay(["distill", *TEACHER, "--student", str(mute), "--out", str(out)]) == 2
    assert "mute: has no tokenizer" in capsys.readouterr().err
    (out / "traces.jsonl").write_bytes((distilled / "traces.jsonl").read_bytes())
    assert assay(["distill", *TEACHER, "--student", student, "--out", str(out)]) == 2
    assert "its samples, teacher.parquet, are not there; give another --out" in capsys.readouterr().err


def test_mistakes_are_one_sentence(student, tmp_path, capsys):
    def fails(*words):
        assert assay(["distill", *words, "--out", str(tmp_path / "out")]) == 2
        return capsys.readouterr().err

    wrong = write_samples(
        tmp_path / "wrong.jsonl",
        [{"problem": make_task("compose:seen").prompts("train", 1)[0].problem, "response": "answer x"}],
    )
    own = ("--task", "compose:seen", "--student", student)
    assert "give either --teacher" in fails(*own)
    assert "give either --teacher" in fails(*own, "--teacher", student, "--traces", str(wrong))
    assert "give --student" in fails("--task", "compose:seen", "--teacher", student)
    assert "-n says how to sample a teacher" in fails(*own, "--traces", str(wrong), "-n", "3")
    assert "'dev' is not one of 'train', 'test'" in fails(*own, "--teacher", student, "--split", "dev")
    assert "there is no organism 'techer', did you mean" in fails(*own, "--teacher", "organism:techer")
    assert "expected a recipe of kind 'sft'" in fails(*own, "--teacher", student, "--recipe", str(RL))
    assert "unknown key 'epoch'" in fails(*own, "--teacher", student, "--set", "epoch=3")
    assert "the verifier accepts none of 1 samples" in fails(*own, "--traces", str(wrong))
    assert not (tmp_path / "out" / "traces.jsonl").exists()
