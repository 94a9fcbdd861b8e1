"""Masks and overlap: what changed, of the same size at random, and shared beside chance."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from assay.errors import RunError
from assay.policies.hash import weights_hash
from assay.weights.checkpoint import open_checkpoint
from assay.weights.masks import count_changed, split, stored_hash, write_mask, write_random_mask
from assay.weights.overlap import overlap, overlaps
from assay.weights.pairs import Pair, open_pair
from made_checkpoints import NORM, UP, Q, made_checkpoint, nudged, small


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return open_pair(
        made_checkpoint(tmp_path / "base", small(), 2), made_checkpoint(tmp_path / "tuned", nudged(small(), 2e-5))
    )


@pytest.mark.parametrize(("view", "tolerance"), [("bf16", 1e-5), ("bf16", 1e-3), ("fp32", 2e-5)])
def test_a_mask_is_true_where_the_weight_changed(pair: Pair, tmp_path: Path, view: str, tolerance: float) -> None:
    path = tmp_path / "mask.safetensors"
    about = write_mask(pair, path, view, tolerance)  # type: ignore[arg-type]
    mask, base, tuned = load_file(path), small(), nudged(small(), 2e-5)
    for name in base:
        old, new = (w[name].bfloat16() if view == "bf16" else w[name] for w in (base, tuned))
        assert torch.equal(mask[name], (new - old).double().abs() > tolerance), name
    changed = sum(int(m.sum()) for m in mask.values())
    assert about["changed"] == str(changed) == str(count_changed(pair, view, tolerance))  # type: ignore[arg-type]
    with safe_open(path, "pt") as file:
        assert file.metadata() == about
    assert about["format"] == "assay.mask/1" and about["total"] == str(pair.weights) and about["view"] == view
    assert (about["base_hash"], about["tuned_hash"]) == (weights_hash(base), weights_hash(tuned))


def test_the_hash_is_of_tensors_and_not_of_files(tmp_path: Path) -> None:
    paths = [made_checkpoint(tmp_path / str(shards), small(0, torch.bfloat16), shards) for shards in (1, 3)]
    assert {stored_hash(open_checkpoint(path)) for path in paths} == {weights_hash(small(0, torch.bfloat16))}


def test_a_random_mask_has_the_size_and_is_spread_evenly(pair: Pair, tmp_path: Path) -> None:
    """By tensor the share is that of the whole, within five standard errors; another seed gives another mask."""
    changed = count_changed(pair, "bf16", 1e-5)
    masks = []
    for seed in (0, 0, 1):
        about = write_random_mask(pair, tmp_path / "random.safetensors", changed, "bf16", 1e-5, seed)
        masks.append(load_file(tmp_path / "random.safetensors"))
        assert sum(int(m.sum()) for m in masks[-1].values()) == changed == int(about["changed"])
    assert about["random_seed"] == "1"
    assert all(torch.equal(masks[0][name], masks[1][name]) for name in masks[0])
    assert not torch.equal(masks[0][UP], masks[2][UP])
    share = changed / pair.weights
    for name in (Q, UP):
        error = (share * (1 - share) / masks[0][name].numel()) ** 0.5
        assert abs(float(masks[0][name].float().mean()) - share) < 5 * error
        assert (
            abs(float(masks[0][name][:100].float().mean()) - share) < 5 * error * (masks[0][name].shape[0] / 100) ** 0.5
        )


@pytest.mark.parametrize("total", [0, 1, 7, 14, 15])
def test_split_is_the_hypergeometric_distribution(total: int) -> None:
    """Over 4,000 draws means are n K / N, within five standard errors, variances n K/N (1 - K/N) (N - n) / (N - 1)."""
    sizes = np.array([1, 4, 10])
    draws = np.array([split(total, sizes, seed) for seed in range(4000)])
    assert (draws.sum(axis=1) == total).all() and (draws >= 0).all() and (draws <= sizes).all()
    share = sizes / 15
    variance = total * share * (1 - share) * (15 - total) / 14
    assert (abs(draws.mean(axis=0) - total * share) <= 5 * np.sqrt(variance / 4000) + 1e-12).all()
    assert (abs(draws.var(axis=0) - variance) <= 0.15 * variance + 1e-12).all()


def test_split_takes_more_elements_than_numpys_own() -> None:
    sizes = np.array([4_000_000_000, 4_000_000_000])
    counts = split(1_000_000_001, sizes, 0)
    assert counts.sum() == 1_000_000_001 and abs(int(counts[0]) - 500_000_000) < 200_000


def test_a_mask_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    broken = small()
    broken[NORM][0] = torch.nan
    pair = open_pair(made_checkpoint(tmp_path / "base", small()), made_checkpoint(tmp_path / "nan", broken))
    path = tmp_path / "masks" / "mask.safetensors"
    with pytest.raises(ValueError, match="NaN"):
        write_mask(pair, path, "bf16", 1e-5)
    assert list(path.parent.iterdir()) == []
    with pytest.raises(RunError, match="is a directory"):
        write_mask(pair, path.parent, "bf16", 1e-5)


def test_overlap_of_sets_made_by_hand(tmp_path: Path) -> None:
    """Of ten weights the first run changes 0 to 3, the second 2 to 7: two are shared.

    o1 = 2/4, o2 = 2/6, Jaccard 2/8; by chance o1 = 6/10 and o2 = 4/10. o1 (1 - s1) = o2 (1 - s2) = 2/10, which the
    published table fulfils too: .605 x .367 = .606 x .367, .267 x .367 = .671 x .146.
    """
    paths = []
    for name, changed in (("base", slice(0, 0)), ("one", slice(0, 4)), ("two", slice(2, 8))):
        weights = torch.ones(10)
        weights[changed] = 2.0
        paths.append(made_checkpoint(tmp_path / name, {Q: weights}))
    base, *others = paths
    [row] = overlaps({Path(path).name: open_pair(base, path) for path in others})
    expected = {"o1": 2 / 4, "o2": 2 / 6, "o1_chance": 0.6, "o2_chance": 0.4, "jaccard": 2 / 8, "both": 2}
    assert row == {"first": "one", "second": "two", **expected}
    assert row["o1"] * row["o2_chance"] == pytest.approx(row["o2"] * row["o1_chance"])
    empty = overlap(10, 0, 3, 0)
    assert empty["o1"] is None and empty["o2"] == 0.0


def test_runs_that_change_weights_at_random_overlap_by_chance(pair: Pair, tmp_path: Path) -> None:
    other = open_pair(pair.base, made_checkpoint(tmp_path / "other", _moved_at_random(0.3, 5)))
    third = open_pair(pair.base, made_checkpoint(tmp_path / "third", _moved_at_random(0.1, 6)))
    [row] = overlaps({"other": other, "third": third})
    assert row["o1"] == pytest.approx(row["o1_chance"], abs=0.01)
    assert row["o2"] == pytest.approx(row["o2_chance"], abs=0.02)
    assert row["o1_chance"] == pytest.approx(0.1, abs=0.01)


def _moved_at_random(share: float, seed: int) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {name: w + (torch.rand(w.shape, generator=draw) < share).float() for name, w in small().items()}


def test_random_masks_of_two_tensors_are_independent(tmp_path: Path) -> None:
    """Half of two tensors of 40,000: where one is True the other is in half of the places, within five errors."""
    zeros = {name: torch.zeros(40_000) + at for at, name in enumerate((Q, UP))}
    pair = open_pair(made_checkpoint(tmp_path / "base", zeros), made_checkpoint(tmp_path / "tuned", zeros))
    write_random_mask(pair, tmp_path / "random.safetensors", 40_000, "bf16", 1e-5, 0)
    masks = load_file(tmp_path / "random.safetensors")
    assert abs(float(masks[UP][masks[Q]].float().mean()) - 0.5) < 5 * 0.5 / 20_000**0.5
