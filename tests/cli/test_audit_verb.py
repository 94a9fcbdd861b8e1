"""`assay audit` from the command line: sources, labels, the table, the exit codes, and that files need no torch."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assay.cli import sample, show
from assay.cli.main import run
from assay.recipe import parse_recipe
from assay.store import Run

RECIPE = """
name = "tiny"
steps = 1
[model]
base = "organism:none"
template = "plain"
[task]
name = "compose"
rung = "seen"
[audit]
task = "compose:edge"
problems = 6
n = 8
seed = 3
"""


def sample_file(path: Path, right: int, n: int = 8, problems: int = 40, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"problem": f"p{i}", "member": m, "correct": m < right, **columns} for i in range(problems) for m in range(n)
    ]
    pl.DataFrame(rows).write_parquet(path)
    return path


def test_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(sample_file(tmp_path / f"{name}.parquet", right)) for name, right in (("base", 0), ("tuned", 4))]
    assert run(["audit", *paths, "--out", str(tmp_path / "out"), "--no-report"]) == 0
    shown = capsys.readouterr().out
    assert "extended" in shown and "0.000 -> 0.500" in shown and "What would overturn it" in shown
    assert str(tmp_path / "out" / "findings.json") in shown
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert findings["models"] == ["base", "tuned"]
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["findings.json"]


def test_the_report_is_given_the_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def resolve(target: str) -> Any:
        assert target == "assay.report.page:write_audit_report"
        return write_report

    def write_report(findings: dict[str, Any], out: Path, report_of: Path | None, advance: Any) -> Path:
        advance(1)
        given.append((findings["verdict"], out, report_of))
        return out / "report.html"

    monkeypatch.setattr(show, "resolve", resolve)
    paths = [str(sample_file(tmp_path / f"{name}.parquet", right)) for name, right in (("base", 0), ("tuned", 4))]
    assert run(["audit", *paths, "--out", str(tmp_path / "out"), "--labels", "b,t"]) == 0
    assert given == [("extended", tmp_path / "out", None)]
    assert json.loads((tmp_path / "out" / "findings.json").read_text())["models"] == ["b", "t"]


def test_an_audit_of_files_imports_no_torch(tmp_path: Path) -> None:
    paths = [str(sample_file(tmp_path / f"{name}.parquet", right)) for name, right in (("base", 1), ("tuned", 4))]
    code = (
        "import sys; from assay.cli.main import run; code = run(sys.argv[1:]); "
        "assert not {'torch', 'transformers'} & set(sys.modules); sys.exit(code)"
    )
    command = [sys.executable, "-c", code, "audit", *paths, "--out", str(tmp_path / "out"), "--no-report"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["base.parquet", "tuned.parquet"], "give --out DIR"),
        (["base.parquet"], "base.parquet is no run, so it has no base of its own"),
        (["base.parquet", "none.jsonl", "--out", "o"], "none.jsonl: there is no such sample file"),
        (["base.parquet", "some-model", "--out", "o"], "give --task"),
        (["base.parquet", "tuned.parquet", "--out", "o", "--task", "countdown"], "--task says how to sample models"),
        (["base.parquet", "tuned.parquet", "--out", "o", "--labels", "a,a"], "every model needs a name of its own"),
        (["base.parquet", "other.parquet", "--out", "o"], "5 only in other (such as 'p40', 'p41'); --intersect"),
        (["base.parquet", "cool.parquet", "--out", "o"], "a different temperature (base 1.0, cool 0.6)"),
        (["base.parquet", "torn.jsonl", "--out", "o"], "torn.jsonl, row 1, column 'correct': expected true"),
    ],
)  # fmt: skip
def test_what_cannot_be_audited_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    sample_file(Path("base.parquet"), 1, temperature=1.0)
    sample_file(Path("tuned.parquet"), 2)
    sample_file(Path("other.parquet"), 2, problems=45)
    sample_file(Path("cool.parquet"), 2, temperature=0.6)
    Path("torn.jsonl").write_text('{"problem": 1, "correct": "yes"}\n')
    assert run(["audit", *arguments]) == 2
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("assay: ") and says in message
    assert not Path("o").exists() or not list(Path("o").iterdir())


def test_intersect_and_different_sampling_can_be_insisted_on(tmp_path: Path) -> None:
    one = sample_file(tmp_path / "base.parquet", 1, temperature=1.0)
    two = sample_file(tmp_path / "tuned.parquet", 4, problems=45, temperature=0.6)
    command = ["audit", str(one), str(two), "--out", str(tmp_path / "out"), "--no-report"]
    assert run([*command, "--intersect"]) == 2
    assert run([*command, "--allow-different-sampling"]) == 2
    assert run([*command, "--intersect", "--allow-different-sampling"]) == 0
    settings = json.loads((tmp_path / "out" / "findings.json").read_text())["settings"]
    assert settings["different_sampling"] == ["temperature"] and settings["left_out_unmatched"] == 5


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Takes the sampler's place: writes a file in which trained models are better, and keeps what it was told."""
    calls: list[dict[str, Any]] = []

    def sample_to_file(*, advance: Any, **told: Any) -> Path:
        calls.append(told)
        right = 6 if told["model"].endswith("model") else 1
        advance(told["problems"] * told["n"])
        return sample_file(told["out"], right, told["n"], told["problems"])

    def add_under(file: Path, under: str, device: str, dtype: str, advance: Any, note: Any) -> None:
        assert calls[-1]["out"] == file
        calls[-1]["under"] = under

    there = {
        "assay.rollout.sampling:check_file": lambda **told: None,
        "assay.rollout.sampling:sample_to_file": sample_to_file,
        "assay.rollout.under_file:add_under": add_under,
    }
    monkeypatch.setattr(sample, "resolve", there.__getitem__)
    return calls


def finished_run(path: Path) -> Run:
    made = Run.create(path, parse_recipe(RECIPE, "test", []), "tiny.toml", [])
    made.model.mkdir()
    (made.model / "config.json").write_text("{}")
    return made


def test_a_run_is_compared_with_its_own_base(tmp_path: Path, sampled: list[dict[str, Any]]) -> None:
    finished_run(tmp_path / "run")
    assert run(["audit", str(tmp_path / "run"), "--no-report"]) == 0
    base, tuned = sampled
    assert (base["model"], tuned["model"]) == ("organism:none", str(tmp_path / "run" / "model"))
    assert base["under"] == tuned["under"] == "organism:none"
    assert tuned["out"] == tmp_path / "run" / "audit" / "samples" / "tuned.parquet"
    for told in sampled:
        assert (told["task"].spec, told["problems"], told["n"]) == ("compose:edge", 6, 8)
        assert (told["sampling"].seed, told["sampling"].max_new_tokens, told["template"]) == (3, 128, "plain")
    findings = json.loads((tmp_path / "run" / "audit" / "findings.json").read_text())
    assert findings["models"] == ["base", "tuned"]


def test_options_override_the_runs_audit_table(tmp_path: Path, sampled: list[dict[str, Any]]) -> None:
    finished_run(tmp_path / "run")
    options = ["-n", "4", "--problems", "5", "--temperature", "0.5", "--max-new-tokens", "32", "--labels", "b,t"]
    assert run(["audit", str(tmp_path / "run"), "--no-report", "--out", str(tmp_path / "else"), *options]) == 0
    assert [told["out"].name for told in sampled] == ["base.parquet", "tuned.parquet"], "whatever the labels"
    told = sampled[0]
    assert (told["n"], told["problems"], told["sampling"].temperature, told["sampling"].max_new_tokens) == (
        4,
        5,
        0.5,
        32,
    )


def test_a_run_without_a_model_is_continued(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_run(tmp_path / "run").model.rename(tmp_path / "gone")
    assert run(["audit", str(tmp_path / "run")]) == 2
    assert f"assay train --resume {tmp_path / 'run'}" in capsys.readouterr().err


def test_models_are_sampled_on_a_task(tmp_path: Path, sampled: list[dict[str, Any]]) -> None:
    command = ["audit", "organism:code-base", "their/model", "--task", "compose:edge", "--problems", "6", "-n", "8"]
    assert run([*command, "--out", str(tmp_path / "out"), "--no-report"]) == 0
    assert [told["model"] for told in sampled] == ["organism:code-base", "their/model"]
    assert [told["out"].name for told in sampled] == ["organism_code-base.parquet", "their_model.parquet"]
    assert sampled[1]["under"] == "organism:code-base" and sampled[1]["sampling"].max_new_tokens == 96


def test_the_tasks_stop_strings_are_used(tmp_path: Path, sampled: list[dict[str, Any]]) -> None:
    data = tmp_path / "test.jsonl"
    data.write_text('{"question": "Two and three?", "answer": "#### 5"}\n')
    command = ["audit", "organism:code-base", "their/model", "--task", "gsm8k:prompt=few-shot", "--data", str(data)]
    assert run([*command, "--problems", "1", "-n", "8", "--out", str(tmp_path / "out"), "--no-report"]) == 0
    assert [told["sampling"].stop for told in sampled] == [("Q:",), ("Q:",)]


def test_a_model_that_is_not_there_is_named_before_any_is_sampled(
    tmp_path: Path, sampled: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["audit", "organism:code-base", "organism:code-bse", "--task", "compose:edge"]
    assert run([*command, "--out", str(tmp_path / "out")]) == 2
    assert "did you mean 'code-base'?" in capsys.readouterr().err and sampled == []


def test_a_file_and_a_run(tmp_path: Path, sampled: list[dict[str, Any]]) -> None:
    """The run's [audit] table says how to sample it; the base is a file, so there is no model to score under."""
    finished_run(tmp_path / "run")
    base = sample_file(tmp_path / "base.parquet", 1, 8, 6)
    assert run(["audit", str(base), str(tmp_path / "run"), "--out", str(tmp_path / "out"), "--no-report"]) == 0
    (told,) = sampled
    assert (told["model"], told.get("under"), told["problems"]) == (str(tmp_path / "run"), None, 6)


def test_patterns_of_ones_own_are_searched_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(sample_file(tmp_path / f"{name}.parquet", 2, problems=9, response="Hold on")) for name in "ab"]
    (tmp_path / "own.toml").write_text('doubt = ["hold on"]')
    options = ["--patterns", str(tmp_path / "own.toml"), "--out", str(tmp_path / "out"), "--no-report"]
    assert run(["audit", *files, *options]) == 0
    found = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert found["reflection"]["a"]["phrases"]["doubt"]["rate"]["estimate"] == 1
    assert found["settings"]["patterns"]["doubt"] == ["hold on"]
    (tmp_path / "own.toml").write_text('doubt = ["hold ("]')
    capsys.readouterr()
    assert run(["audit", *files, *options]) == 2
    assert "'hold (' is no regular expression" in capsys.readouterr().err
