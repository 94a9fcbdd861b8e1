"""`assay bench` from the command line: what it samples and where, what it refuses first, that a kill costs nothing."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from test_audit_verb import finished_run, sample_file

from assay.cli import bench, sample
from assay.cli.main import run
from assay.policies.references import Reference
from assay.tasks import make_task


def test_a_killed_bench_goes_on_and_samples_nothing_twice(tmp_path: Path) -> None:
    """Two organisms on compose at two depths and countdown, killed in the second one's second task."""
    script = Path(__file__).with_name("kill_bench.py")
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    sampled = sorted((tmp_path / "whole" / "sampled.txt").read_text().splitlines())
    assert len(sampled) == len(set(sampled)) == 2 * 3 * 4 and all(line.endswith(": 2") for line in sampled)
    whole = contents(tmp_path / "whole" / "bench")
    assert [path.parts[0] for path in whole if path.name == "findings.json"] == [
        "compose_depth_2",
        "compose_depth_3",
        "countdown_seen",
    ]
    assert sorted((tmp_path / "killed" / "sampled.txt").read_text().splitlines()) == sampled
    assert contents(tmp_path / "killed" / "bench") == whole
    assert "was made under other settings (seed 3, not 4)" in done.stderr.splitlines()[-1]
    summary = json.loads(whole[Path("bench.json")])
    assert summary["models"] == ["organism:code-base", "organism:prose-base"]
    relations = [task["comparisons"]["organism:prose-base"]["relation"] for task in summary["tasks"]]
    assert relations == ["trained on", "related", "not trained on"]
    assert {task["max_new_tokens"] for task in summary["tasks"]} == {24}


def contents(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def sampled(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Takes the place of model and sampler: tuned models are better; keeps what the sampler was told."""
    calls: list[dict[str, Any]] = []

    def sample_to_file(*, advance: Any, **told: Any) -> Path:
        calls.append(told)
        right = 1 if told["model"] == "policy of organism:none" else 6
        return sample_file(told["out"], min(right, told["n"]), told["n"], told["problems"])

    there = {
        "assay.rollout.sampling:check_file": lambda **told: None,
        "assay.rollout.sampling:sample_to_file": sample_to_file,
        "assay.rollout.under_file:add_under": lambda file, under, *how, **told: calls[-1].update(under=under),
    }
    ours = {
        "assay.policies.load:load_policy": lambda model, device, dtype: f"policy of {model}",
        "assay.rollout.sampling:check_models": lambda models, tasks, template: None,
        "assay.rollout.parts:settings_of": lambda file: {"template": ["plain:1"], "problems_hash": "0" * 16},
    }
    monkeypatch.setattr(sample, "resolve", there.__getitem__)
    monkeypatch.setattr(bench, "resolve", ours.__getitem__)
    monkeypatch.setattr(sample, "find_model", lambda model: Reference(model, model, is_local=True))
    return calls


def summary_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "bench.json").read_text("utf-8"))
    return found


def test_a_model_is_loaded_once_and_samples_every_task_before_the_next(
    tmp_path: Path, sampled: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["bench", "organism:none", "their/model", "--tasks", "compose:edge,countdown", "--problems", "6"]
    assert run([*command, "--out", str(tmp_path / "out"), "--no-report"]) == 0
    order = [(told["model"], told["task"].spec, told["under"]) for told in sampled]
    base, tuned = "policy of organism:none", "policy of their/model"
    assert order == [(model, task, base) for model in (base, tuned) for task in ("compose:edge", "countdown:seen")]
    assert [told["out"].relative_to(tmp_path / "out").as_posix() for told in sampled[::3]] == [
        "compose_edge/samples/organism_none.parquet",
        "countdown_seen/samples/their_model.parquet",
    ]
    assert {(told["problems"], told["n"], told["sampling"].max_new_tokens) for told in sampled} == {
        (6, 32, 96),
        (6, 32, sampled[1]["task"].max_new_tokens),
    }
    shown = capsys.readouterr().out
    assert "model against organism:none" in shown and "0.031 -> 0.188" in shown
    assert f"bench     {tmp_path / 'out' / 'bench.json'}" in shown


def test_other_labels_find_the_same_files(tmp_path: Path, sampled: list[dict[str, Any]]) -> None:
    """Also where a model is compared with itself, and where one is added at the end."""
    command = ["--tasks", "compose", "--problems", "6", "--out", str(tmp_path), "--no-report"]
    models = ["bench", "organism:none", "their/model", "organism:none"]
    assert run([*models, *command]) == 0
    assert run([*models, "their/other", *command, "--labels", "a,b,c,d"]) == 0
    names = [told["out"].name for told in sampled]
    assert names == [*names[:3], *names[:3], "their_other.parquet"] and len(set(names)) == 4


def test_a_run_says_what_it_was_trained_on(tmp_path: Path, sampled: list[dict[str, Any]]) -> None:
    """Its recipe trains on compose:seen; its model's folder is the same run; another model is not known."""
    finished_run(tmp_path / "run")
    models = ["organism:none", str(tmp_path / "run"), str(tmp_path / "run" / "model"), "their/other"]
    command = ["bench", *models, "--tasks", "compose,compose:depth=4,countdown", "--problems", "6", "--no-report"]
    assert run([*command, "--out", str(tmp_path / "out"), "--labels", "base,a,b,c"]) == 0
    assert summary_of(tmp_path / "out")["trained_on"] == {"a": ["compose:seen"], "b": ["compose:seen"], "c": None}
    relations = [task["comparisons"]["a"]["relation"] for task in summary_of(tmp_path / "out")["tasks"]]
    assert relations == ["trained on", "related", "not trained on"]
    assert run([*command, "--out", str(tmp_path / "out"), "--labels", "base,a,b,c", "--trained-on", "countdown"]) == 0
    both = ["compose:seen", "countdown:seen"]
    assert summary_of(tmp_path / "out")["trained_on"] == {"a": both, "b": both, "c": ["countdown:seen"]}


def rows(path: Path, count: int) -> Path:
    pl.DataFrame({"question": [f"{path.stem} {i}?" for i in range(count)], "answer": ["1"] * count}).write_csv(path)
    return path


def test_tasks_of_one_name_have_folders_of_their_own_and_no_more_problems_than_rows(
    tmp_path: Path, sampled: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, count in (("one", 40), ("two", 200)):
        rows(tmp_path / f"{name}.csv", count)
    options = "prompt=question:verifier=number"
    tasks = f"jsonl:{options}:data=one.csv,jsonl:{options},countdown"
    command = ["bench", "organism:none", "their/model", "--tasks", tasks, "--data", "jsonl=two.csv"]
    command += ["--trained-on", f"jsonl:{options}:data=two.csv"]
    assert run([*command, "--problems", "7", "--out", "out", "--no-report"]) == 0
    tasks_told = summary_of(Path("out"))["tasks"]
    few = make_task(f"jsonl:{options}", "one.csv").size("test")
    assert few is not None and 0 < few < 7 and [task["problems"] for task in tasks_told] == [few, 7, 7]
    assert tasks_told[1]["task"] == f"{tasks_told[0]['task']}-2"
    assert len({task["folder"] for task in tasks_told}) == 3
    relations = [task["comparisons"]["model"]["relation"] for task in tasks_told]
    assert relations == ["trained on", "trained on", "not trained on"], "a spec does not name local data"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["organism:code-base", "--tasks", "countdown"], "at least one tuned model, got only organism:code-base"),
        (["organism:code-base", "organism:prose-bse", "--tasks", "countdown"], "did you mean 'prose-base'?"),
        (["organism:code-base", "organism:teacher", "--tasks", "countdown,compos"], "unknown task 'compos', did you"),
        (["organism:code-base", "organism:teacher", "--tasks", "compose,compose:seen"], "compose:seen is there twice"),
        (["organism:code-base", "organism:teacher", "--tasks", "compose:depth=77"], "depth"),
        (
            ["organism:code-base", "organism:teacher", "--tasks", "countdown", "--trained-on", "cuontdown"],
            "unknown task 'cuontdown', did you mean 'countdown'?",
        ),
        (
            ["organism:code-base", "organism:teacher", "--tasks", "countdown", "--data", "gsm8k=x"],
            "--tasks has no 'gsm8k'; there are countdown",
        ),
        (
            ["organism:code-base", "organism:teacher", "--tasks", "countdown", "--data", "x.jsonl"],
            "--data 'x.jsonl': expected NAME=PATH",
        ),
        (
            ["organism:code-base", "organism:teacher", "--tasks", "gsm8k", "--data", "gsm8k=nothing.jsonl"],
            "there is no data at nothing.jsonl",
        ),
        (
            ["organism:code-base", "organism:teacher", "--tasks", "countdown", "--template", "chat"],
            "this tokenizer has no chat template",
        ),
    ],
)
def test_what_cannot_be_benched_is_one_sentence_before_anything_is_sampled(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["bench", *arguments]) == 2
    message = capsys.readouterr().err.strip().splitlines()
    assert len(message) == 1 and message[0].startswith("assay: ") and says in message[0]
    assert not list(tmp_path.iterdir())


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, sampled: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(**told: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        sample,
        "resolve",
        {
            "assay.rollout.sampling:check_file": lambda **told: None,
            "assay.rollout.sampling:sample_to_file": stop,
        }.__getitem__,
    )
    command = ["bench", "organism:none", "their/model", "--tasks", "countdown", "--out", str(tmp_path / "out")]
    assert run(command) == 130
    assert "stopped; the same command continues; finished problems are kept" in capsys.readouterr().err


def test_the_tasks_stop_strings_are_used(tmp_path: Path, sampled: list[dict[str, Any]]) -> None:
    data = tmp_path / "test.jsonl"
    data.write_text("".join(f'{{"question": "{n} and one?", "answer": "#### {n}"}}\n' for n in range(6)))
    tasks = ["--tasks", "gsm8k:prompt=few-shot,compose", "--data", f"gsm8k={data}", "--problems", "6"]
    command = ["bench", "organism:none", "their/model", *tasks, "--out", str(tmp_path / "out"), "--no-report"]
    assert run(command) == 0
    assert [told["sampling"].stop for told in sampled] == [("Q:",), ()] * 2
