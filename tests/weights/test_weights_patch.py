"""Patches: the tuned directory byte for byte, or nothing at all."""

import filecmp
import hashlib
import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from assay.errors import DataError, ModelError, RunError
from assay.weights.patch import apply_patch, make_patch
from assay.weights.patchfile import decode, encode
from made_checkpoints import EMBED, HEAD, NORM, UP, Q, made_checkpoint, nudged, small


def tiny(seed: int = 0) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.randn(6, 5, generator=draw).bfloat16() for name in (EMBED, Q)}


def made(folder: Path) -> tuple[str, str, Path]:
    """A base, a tuned model that differs in some weights, in a file, and by a new file, and their patch."""
    base, tuned = (made_checkpoint(folder / name, tiny()) for name in ("base", "tuned"))
    changed = tiny()
    changed[Q][1, 2:4] += 0.5
    made_checkpoint(folder / "tuned", changed)
    for model in (base, tuned):
        (Path(model) / "tokenizer.json").write_text("the same")
    (Path(tuned) / "config.json").write_text('{"model_type": "made", "eos_token_id": 7}')
    (Path(tuned) / "chat_template.jinja").write_text("{{ messages }}" * 200)
    (Path(base) / "only_in_base.json").write_text("{}")
    make_patch(base, tuned, folder / "x.patch")
    return base, tuned, folder / "x.patch"


def same_directories(a: Path, b: Path) -> bool:
    names = sorted(path.name for path in a.iterdir())
    return names == sorted(path.name for path in b.iterdir()) and filecmp.cmpfiles(a, b, names, shallow=False)[1:] == (
        [],
        [],
    )


@pytest.mark.parametrize("item_bytes", [1, 2, 4, 8])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 1.0])
def test_a_block_gives_back_what_it_was_made_of(item_bytes: int, share: float) -> None:
    rng = np.random.default_rng(0)
    base = rng.integers(0, 256, 8 * 3000, dtype=np.uint8)
    tuned = base.copy().reshape(-1, item_bytes)
    at = rng.random(len(tuned)) < share
    tuned[at] = ~tuned[at]
    tuned = tuned.reshape(-1)
    changed, block = encode(base, tuned, item_bytes)
    assert changed == int(at.sum()) and (block == b"") == (changed == 0)
    assert np.array_equal(decode(base, changed, block, item_bytes), tuned)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("shards", [(1, 1), (2, 3)])
def test_base_and_patch_make_the_tuned_directory(tmp_path: Path, dtype: torch.dtype, shards: tuple[int, int]) -> None:
    """Also where the tuned model is cut into other files, has a tied head that the base lacks, NaN, -0 and numbers that
    no sum gives back."""
    base = {name: w for name, w in small(0, dtype).items() if name != HEAD}
    tuned = nudged(base, 1e-4)
    tuned[UP][0, :3] = torch.tensor([torch.nan, -0.0, 1e-7]).to(dtype)
    tuned[HEAD] = tuned[EMBED].clone()
    paths = [
        made_checkpoint(tmp_path / name, each, count)
        for name, each, count in zip(("base", "tuned"), (base, tuned), shards, strict=True)
    ]
    about = make_patch(*paths, tmp_path / "x.patch")
    assert about.total == sum(w.numel() for w in tuned.values()) and 0 < about.changed < about.total
    assert about.patch_bytes == (tmp_path / "x.patch").stat().st_size < about.full_bytes
    assert hashlib.sha256((tmp_path / "x.patch").read_bytes()[:-32]).hexdigest() == about.sha256
    assert apply_patch(paths[0], tmp_path / "x.patch", tmp_path / "out") == "tuned"
    assert same_directories(tmp_path / "tuned", tmp_path / "out")


def test_few_changes_make_a_small_patch(tmp_path: Path) -> None:
    """One weight in a hundred, moved to its neighbour in bf16: positions alone are .08 bits a weight, 1.0 % of 8."""
    base = small(0, torch.bfloat16)
    tuned = {name: w.clone() for name, w in base.items()}
    for w in tuned.values():
        w.view(torch.int16).view(-1)[::100] += 1
    paths = [made_checkpoint(tmp_path / name, each) for name, each in (("base", base), ("tuned", tuned))]
    about = make_patch(*paths, tmp_path / "x.patch")
    assert about.changed / about.total == pytest.approx(0.01, abs=1e-4)
    assert about.patch_bytes < 0.015 * about.full_bytes


def test_files_beside_the_weights_are_those_of_the_tuned_model(tmp_path: Path) -> None:
    base, tuned, patch = made(tmp_path)
    (Path(tuned) / "pytorch_model.bin").write_text("other weights")
    (Path(tuned) / "logs").mkdir()
    about = make_patch(base, tuned, patch)
    assert about.carried == ["chat_template.jinja", "config.json"] and about.left_out == ["logs", "pytorch_model.bin"]
    apply_patch(base, patch, tmp_path / "out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json",
    }  # fmt: skip
    assert (tmp_path / "out" / "config.json").read_bytes() == (Path(tuned) / "config.json").read_bytes()


def test_every_flipped_byte_and_every_cut_is_refused(tmp_path: Path) -> None:
    """Every byte near both ends, a sample between, one random bit each; and cuts at as many lengths, and more bytes."""
    base, _, patch = made(tmp_path)
    whole = patch.read_bytes()
    rng = random.Random(0)
    places = {*range(60), *range(len(whole) - 120, len(whole)), *rng.sample(range(len(whole)), 80)}
    damaged = [whole[:at] + bytes([whole[at] ^ (1 << rng.randrange(8))]) + whole[at + 1 :] for at in sorted(places)]
    damaged += [whole[:at] for at in sorted(places)] + [whole + b"\0", whole + whole]
    out = tmp_path / "out"
    for content in damaged:
        patch.write_bytes(content)
        with pytest.raises(DataError, match=r"damaged|is not a patch"):
            apply_patch(base, patch, out)
    assert not out.exists() and not [path for path in tmp_path.iterdir() if path.name.startswith(".out")]
    patch.write_bytes(whole)
    apply_patch(base, patch, out)


def test_the_wrong_base_is_refused_and_the_target_untouched(tmp_path: Path) -> None:
    """One other bit in any tensor, changed or not, or in a file that the patch takes from the base."""
    base, _, patch = made(tmp_path)
    for name in (EMBED, Q):
        wrong = tiny()
        wrong[name].view(torch.int16)[5, 4] ^= 1
        with pytest.raises(DataError, match=rf"{name} is not what .*x\.patch was made for"):
            apply_patch(made_checkpoint(tmp_path / "wrong", wrong), patch, tmp_path / "out")
    with pytest.raises(DataError, match=rf"{EMBED} is not what"):
        apply_patch(made_checkpoint(tmp_path / "other", {"else.weight": torch.ones(3)}), patch, tmp_path / "out")
    (Path(base) / "tokenizer.json").write_text("another")
    with pytest.raises(DataError, match=r"tokenizer\.json: is not what"):
        apply_patch(base, patch, tmp_path / "out")
    (Path(base) / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"tokenizer\.json: is not what"):
        apply_patch(base, patch, tmp_path / "out")
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))


def test_a_target_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    base, _, patch = made(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(RunError, match="already exists"):
        apply_patch(base, patch, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_what_a_patch_cannot_tell_is_named(tmp_path: Path) -> None:
    base = made_checkpoint(tmp_path / "base", tiny())
    for changes, expected in (
        ({Q: tiny()[Q].float()}, "is stored as F32, and as BF16 in"),
        ({Q: tiny()[Q][1:].clone()}, r"has shape \[5, 5\], and \[6, 5\] in"),
        ({NORM: torch.ones(3)}, r"has no model\.norm\.weight"),
    ):
        tuned = made_checkpoint(tmp_path / "tuned", tiny() | changes)
        with pytest.raises(ModelError, match=expected):
            make_patch(base, tuned, tmp_path / "x.patch")
    assert not list(tmp_path.glob("*.patch*"))


def forged(patch: Path, packed: Callable[[dict[str, Any]], bytes]) -> None:
    """The patch with another footer, rightly hashed, as somebody else may make it."""
    whole = patch.read_bytes()
    length = int.from_bytes(whole[-40:-32], "little")
    footer = packed(json.loads(zlib.decompress(whole[-40 - length : -40])))
    body = whole[: -40 - length] + footer + len(footer).to_bytes(8, "little")
    patch.write_bytes(body + hashlib.sha256(body).digest())


def with_change(path: str, value: object) -> Callable[[dict[str, Any]], bytes]:
    """A footer with one value replaced; `path` as in "others.0.name"."""

    def packed(footer: dict[str, Any]) -> bytes:
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place: Any = footer
        for part in parents:
            place = place[part]
        place[last] = value
        return zlib.compress(json.dumps(footer).encode())

    return packed


@pytest.mark.parametrize(
    "packed",
    [
        *(with_change("others.0.name", name) for name in ("../escaped.json", "..", "", "a\0b", "/tmp/x")),
        *(with_change(path, []) for path in ("weights.0.header", "tuned", "others.0.sha256")),
        with_change("weights.0.header", "AAAA"),
        with_change("weights.0.tensors.0.name", "another"),
        with_change("weights.0.tensors.0.blocks", [[10**6, 10**9]]),
        with_change("weights.0.tensors.0.blocks", [[3, -1]]),
        lambda _: zlib.compress(b"[]"),
        lambda _: zlib.compress(b"{"),
        lambda _: b"not deflated",
    ],
)
def test_a_forged_patch_is_refused(tmp_path: Path, packed: Callable[[dict[str, Any]], bytes]) -> None:
    base, _, patch = made(tmp_path)
    forged(patch, packed)
    with pytest.raises((DataError, ModelError)):
        apply_patch(base, patch, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"base", "tuned", "x.patch"}


def test_a_base_in_float32_is_rounded_for_a_model_in_bf16(tmp_path: Path) -> None:
    """Of 10 weights rounded to bf16, two moved: the patch tells these two."""
    whole = torch.linspace(0.1, 1.0, 10)
    tuned = whole.bfloat16()
    tuned[3:5] += 0.5
    paths = [made_checkpoint(tmp_path / name, {Q: w}) for name, w in (("base", whole), ("tuned", tuned))]
    made_of = make_patch(*paths, tmp_path / "x.patch")
    assert (made_of.changed, made_of.total, made_of.rounded) == (2, 10, True)
    apply_patch(paths[0], tmp_path / "x.patch", tmp_path / "again")
    assert same_directories(tmp_path / "tuned", tmp_path / "again")
    with pytest.raises(ModelError, match="stored as F32, and as BF16"):
        make_patch(paths[1], paths[0], tmp_path / "y.patch")


def test_a_patch_overwrites_no_model(tmp_path: Path) -> None:
    base, tuned, _ = made(tmp_path)
    before = (Path(tuned) / "model.safetensors").read_bytes()
    for model in (base, tuned):
        with pytest.raises(RunError, match="which would be lost"):
            make_patch(base, tuned, Path(model) / "model.safetensors")
    assert (Path(tuned) / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(("spoil", "said"), [("trail", "goes on behind"), ("hole", "do not lie one behind")])
def test_files_that_are_not_quite_safetensors_are_refused(tmp_path: Path, spoil: str, said: str) -> None:
    """Bytes that no tensor speaks for would not be in a patch."""
    base, tuned, _ = made(tmp_path)
    file = Path(tuned) / "model.safetensors"
    raw = file.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :] + b"more"
    if spoil == "hole":
        last = max((entry for name, entry in header.items() if name != "__metadata__"), key=lambda e: e["data_offsets"])
        last["data_offsets"] = [each + 4 for each in last["data_offsets"]]
    packed = json.dumps(header).encode()
    file.write_bytes(len(packed).to_bytes(8, "little") + packed + data)
    with pytest.raises(ModelError, match=said):
        make_patch(base, tuned, tmp_path / "y.patch")
