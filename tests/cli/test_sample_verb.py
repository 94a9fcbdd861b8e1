import errno
import os

import polars as pl
import pytest

from assay.cli import sample
from assay.cli.main import run as assay
from assay.organisms.grow import make_tokenizer
from assay.rollout import parts, sampling
from assay.samples import read_samples
from tiny_models import make_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny model with the organisms' tokenizer and random weights."""
    folder = tmp_path_factory.mktemp("model") / "tiny"
    tokenizer = make_tokenizer(128)
    make_model(vocab_size=len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def arguments(model, out, *more):
    return ["sample", str(model), "--task", "compose:edge", "--problems", "4", "-n", "3", "--out", str(out), *more]


def test_a_file_is_written_and_named(model, tmp_path, capsys):
    out = tmp_path / "out.parquet"
    more = ("--max-new-tokens", "20", "--temperature", "0.9", "--top-k", "50", "--top-p", "0.9", "--seed", "7")
    assert assay(arguments(model, out, *more, "--under", str(model))) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}\n"
    assert "sampling 12/12 samples" in said.err and "scoring 12/12 responses" in said.err
    frame = read_samples(out).frame
    assert frame.height == 12
    how = frame.select("temperature", "top_k", "top_p", "seed", "max_new_tokens", "task").unique().rows()
    assert how == [(0.9, 50, 0.9, 7, 20, "compose:edge")]
    assert frame["logprob_under"].null_count() == 0


def test_the_tasks_length_limit_is_the_default(model, tmp_path, capsys):
    """compose leaves 96 tokens; the model's 128 positions leave room for them."""
    assert assay(arguments(model, tmp_path / "out.parquet")) == 0
    assert pl.read_parquet(tmp_path / "out.parquet")["max_new_tokens"].unique().to_list() == [96]


@pytest.mark.parametrize(("more", "stop"), [((), ("Problem:",)), (("--stop", "END", "--stop", "."), ("END", "."))])
def test_the_tasks_stop_strings_are_the_default(tmp_path, monkeypatch, more, stop):
    data, told = tmp_path / "test.jsonl", {}
    data.write_text('{"problem": "2 + 3", "answer": "5"}\n')
    monkeypatch.setattr(sample, "resolve", lambda target: lambda **given: told.update(given))
    command = ["sample", "any", "--task", "aime24:prompt=few-shot", "--data", str(data), "--out", "out.parquet"]
    assert assay([*command, *more]) == 0
    assert told["sampling"].stop == stop


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--task", "compos"), "unknown task 'compos', did you mean 'compose'"),
        (("--split", "dev"), "--split 'dev': there are train and test"),
        (("--template", "chat"), "has no chat template"),
        (("--template", "fancy"), "there is no template 'fancy'"),
        (("--top-p", "1.5"), "top_p must be above 0 and at most 1, got 1.5"),
        (("--device", "toaster"), "there is no device 'toaster' here"),
        (("--out", "out.jsonl"), "ends in .parquet"),
    ],
)
def test_mistakes_get_one_sentence(model, tmp_path, monkeypatch, capsys, more, said):
    monkeypatch.chdir(tmp_path)
    assert assay(arguments(model, tmp_path / "out.parquet", *more)) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert said in last
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--device", "toaster"), "there is no device 'toaster' here"),
        (("--dtype", "float12"), "there is no dtype 'float12'"),
        (("--out", "out.jsonl"), "ends in .parquet"),
        (("--seed", "1"), "made under other settings (seed 0, not 1)"),
        (("--out", "stopped.parquet", "--seed", "1"), "made under other settings (seed 0, not 1)"),
    ],
)
def test_what_needs_no_model_is_said_before_one_is_loaded(model, tmp_path, monkeypatch, capsys, more, said):
    """And nothing is said of sampling; `stopped` is a file of which only parts are there."""
    monkeypatch.chdir(tmp_path)
    command = arguments(model, "out.parquet", "--max-new-tokens", "5")
    assert assay(command) == 0
    monkeypatch.setattr(sampling, "write_whole", _stop)
    assert assay([*command, "--out", "stopped.parquet"]) == 130
    monkeypatch.setattr(sampling, "as_policy", None)
    capsys.readouterr()
    assert assay([*command, *more]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


def _stop(*arguments):
    raise KeyboardInterrupt


def test_a_complete_file_is_said_to_be_there(model, tmp_path, capsys):
    command = arguments(model, tmp_path / "out.parquet", "--max-new-tokens", "5", "--under", str(model))
    assert assay(command) == 0
    assert "already there" not in capsys.readouterr().err.splitlines()[0]
    assert assay(command) == 0
    assert capsys.readouterr().err.splitlines() == [
        "sampling 12/12 samples already there",
        "scoring 12/12 responses already there",
    ]


def test_a_model_that_is_not_there(tmp_path, capsys):
    assert assay(arguments(tmp_path / "nothing", tmp_path / "out.parquet")) == 2
    assert "there is no such directory" in capsys.readouterr().err


def test_a_full_disk_gets_one_sentence(model, tmp_path, monkeypatch, capsys):
    def full(self, number, frame):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))

    monkeypatch.setattr(parts.Parts, "add", full)
    assert assay(arguments(model, tmp_path / "out.parquet", "--max-new-tokens", "5")) == 2
    assert "the disk is full" in capsys.readouterr().err.splitlines()[-1]


def test_ctrl_c_says_how_to_go_on(model, tmp_path, monkeypatch, capsys):
    def stop(self, number, frame):
        raise KeyboardInterrupt

    monkeypatch.setattr(parts.Parts, "add", stop)
    assert assay(arguments(model, tmp_path / "out.parquet", "--max-new-tokens", "5")) == 130
    assert "stopped; the same command continues; finished problems are kept" in capsys.readouterr().err


def test_a_model_that_the_engine_does_not_serve_is_named_once(tmp_path, capsys):
    tokenizer = make_tokenizer(128)
    make_model("mistral", vocab_size=len(tokenizer), sliding_window=8).save_pretrained(tmp_path / "window")
    tokenizer.save_pretrained(tmp_path / "window")
    assert assay(arguments(tmp_path / "window", tmp_path / "out.parquet", "--max-new-tokens", "5")) == 0
    assert capsys.readouterr().err.count("window is sampled by transformers' generate: not all its layers") == 1
