"""`assay diff` and `assay patch`: what they print and write, and what they refuse."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from assay.cli.main import run as assay
from assay.store import Run
from made_checkpoints import BASE, bf16_run


def test_diff_says_what_it_means_and_writes_what_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rl, sft = bf16_run(tmp_path / "rl", 2e-5), bf16_run(tmp_path / "sft", 2e-5, seed=1, kind="sft")
    out, masks = tmp_path / "out", [tmp_path / "mask.safetensors", tmp_path / "random.safetensors"]
    more = ["--mask", str(masks[0]), "--random-mask", str(masks[1]), "--out", str(out), "--no-report"]
    assert assay(["diff", BASE, str(rl), "--control", str(sft), "--overlap", str(sft), *more]) == 0
    said = " ".join(capsys.readouterr().out.split())
    document = json.loads((out / "weights.json").read_text())
    told = document["models"]["rl"]["total"]
    assert document["words"] in said and f"sparsity (bf16, 1e-5) {100 * told['sparsity']:.2f} %" in said
    assert [row["second"] for row in document["overlap"]] == ["sft", "sft-2", "sft-2"]
    assert document["overlap"][2]["jaccard"] == 1.0
    for path in masks:
        assert sum(int(mask.sum()) for mask in load_file(path).values()) == told["changed"]
    assert [path.name for path in out.iterdir()] == ["weights.json"]


def test_a_random_mask_alone_and_nothing_written_without_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rl, path = bf16_run(tmp_path / "rl", 2e-5), tmp_path / "random.safetensors"
    before = set(tmp_path.iterdir())
    assert assay(["diff", BASE, str(rl), "--random-mask", str(path), "--view", "fp32", "--tolerance", "0"]) == 0
    assert set(tmp_path.iterdir()) - before == {path}
    assert f"random {path}: 504" in " ".join(capsys.readouterr().out.split())


def test_patch_there_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rl, sft = bf16_run(tmp_path / "rl", 2e-5), bf16_run(tmp_path / "sft", 2e-5, seed=1, kind="sft")
    patch, out = tmp_path / "x.patch", tmp_path / "made"
    assert assay(["patch", "make", str(rl), str(sft), "-o", str(patch)]) == 0
    said = capsys.readouterr().out
    assert f"{patch.stat().st_size:,} bytes" in said and "zstd" in said
    assert assay(["patch", "apply", str(rl), str(patch), "-o", str(out)]) == 0
    for path in out.iterdir():
        assert path.read_bytes() == (sft / "model" / path.name).read_bytes()
    capsys.readouterr()
    assert assay(["patch", "apply", str(sft), str(patch), "-o", str(tmp_path / "wrong")]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"assay: {sft / 'model'}: ")
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["diff", BASE, "organism:teacher"], "has shape"),
        (["diff", BASE, "./nowhere"], "there is no such directory"),
        (["diff", BASE, BASE, "--tolerance", "-1"], "--tolerance -1: expected a number from 0 on"),
        (["patch", "make", BASE, "organism:teacher", "-o", "x.patch"], "has shape"),
        (["patch", "apply", BASE, "no.patch", "-o", "out"], "no.patch"),
    ],
)
def test_errors_are_a_sentence_and_exit_code_2(
    words: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert assay(words) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("assay: ") and expected in last and not list(tmp_path.iterdir())


def test_masks_overwrite_no_model_and_not_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = bf16_run(tmp_path / "rl", 2e-5)
    weights, mask = Run(run).model / "model.safetensors", tmp_path / "mask.safetensors"
    before = weights.read_bytes()
    assert assay(["diff", BASE, str(run), "--mask", str(weights)]) == 2
    assert "which would be lost" in capsys.readouterr().err and weights.read_bytes() == before
    assert assay(["diff", BASE, str(run), "--mask", str(mask), "--random-mask", str(mask)]) == 2
    assert "give each a file of its own" in capsys.readouterr().err and not mask.exists()
