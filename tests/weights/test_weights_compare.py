"""Sparsity, norms and rank on cases made by hand, and the same numbers however the work is cut."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from assay.errors import ModelError
from assay.weights.compare import BLOCK, TOLERANCES, Counts, compare, rank_of, total
from assay.weights.names import kind_of, layer_of
from assay.weights.pairs import PAPER_TOLERANCE, in_order, open_pair
from assay.weights.views import from_bf16, limit_16, limit_32, to_bf16
from made_checkpoints import EMBED, HEAD, NORM, UP, Q, made_checkpoint, nudged, small

AT_PAPER = TOLERANCES.index(PAPER_TOLERANCE)


def counted(folder: Path, base: dict[str, Tensor], tuned: dict[str, Tensor], **how: int) -> Counts:
    pair = open_pair(made_checkpoint(folder / "base", base), made_checkpoint(folder / "tuned", tuned))
    return total(change.counts for change in compare(pair, **how))


def test_rounding_to_bf16_is_torchs() -> None:
    """Over random bits of all sizes, denormal numbers and ties among them; NaN and infinity aside."""
    bits = np.random.default_rng(0).integers(0, 1 << 32, 200_000, dtype=np.uint32)
    bits[:1000] = (bits[:1000] & 0xFFFF0000) | 0x8000  # ties
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    expected = torch.from_numpy(values.copy()).bfloat16()
    assert np.array_equal(to_bf16(values), expected.view(torch.uint16).numpy())
    assert np.array_equal(from_bf16(to_bf16(values)), expected.float().numpy())


@pytest.mark.parametrize("tolerance", TOLERANCES)
def test_limits_are_the_largest_values_within_the_tolerance(tolerance: float) -> None:
    for limit, step in ((int(limit_32(tolerance)), 1), (int(limit_16(tolerance)) << 16, 1 << 16)):
        inside, outside = (float(np.uint32(bits).view(np.float32)) for bits in (limit, limit + step))
        assert inside <= tolerance < outside


def test_zeros_tolerance_and_rounding_by_hand(tmp_path: Path) -> None:
    """Six weights: equal; -0 for 0 (the values are equal, the bits are not); moved by the largest bf16 up to 1e-5; by
    the next one; 1 to 1.001, which is 1 in bf16; 1 to 1.01, which is not (1.0078125).

    In bf16 at 1e-5 the fourth and the last changed; in fp32 at 0 the last four. Same bits in bf16: the first and the
    fifth, which moved in fp32.
    """
    inside = from_bf16(np.array([limit_16(1e-5), limit_16(1e-5) + 1], np.uint16)).tolist()
    base = torch.tensor([[0.5, 0.0, 0.0, 0.0, 1.0, 1.0]])
    tuned = torch.tensor([[0.5, -0.0, inside[0], inside[1], 1.001, 1.01]])
    found = counted(tmp_path, {Q: base}, {Q: tuned})
    assert found.weights == 6
    assert found.unchanged_bf16[AT_PAPER] == 4 and found.unchanged_bf16[0] == 3
    assert found.unchanged_fp32[0] == 2 and found.unchanged_fp32[-1] == 6
    assert (found.equal, found.hidden) == (2, 1)
    assert math.isclose(found.update_squares, float(((tuned - base).double() ** 2).sum()), rel_tol=1e-12)
    assert found.base_squares == 2.25


@pytest.mark.parametrize("dtypes", [("float32", "bfloat16"), ("float16", "float32"), ("bfloat16", "float16")])
def test_any_two_dtypes_agree_with_torch(tmp_path: Path, dtypes: tuple[str, str]) -> None:
    """Against the paper's own way in torch: both in bf16, their difference in bf16."""
    base = small(0, getattr(torch, dtypes[0]))
    tuned = {name: w.to(getattr(torch, dtypes[1])) for name, w in nudged(small(0), 1e-4).items()}
    found = counted(tmp_path, base, tuned)
    update = {name: tuned[name].bfloat16() - base[name].bfloat16() for name in base}
    for at, tolerance in enumerate(TOLERANCES):
        assert found.unchanged_bf16[at] == sum(int((w.double().abs() <= tolerance).sum()) for w in update.values())
        exact = [(tuned[name].float() - base[name].float()).double().abs() for name in base]
        assert found.unchanged_fp32[at] == sum(int((w <= tolerance).sum()) for w in exact)
    assert 0 < found.unchanged_bf16[AT_PAPER] < found.weights


def test_numbers_depend_neither_on_pieces_nor_on_threads(tmp_path: Path) -> None:
    found = [
        counted(tmp_path, small(), nudged(small(), 1e-3), elements=elements, threads=threads)
        for elements, threads in ((BLOCK, 1), (BLOCK, 3), (2 * BLOCK, 2), (8 * BLOCK, 1))
    ]
    assert found[0].weights > 3 * BLOCK and found == [found[0]] * 4


def test_work_is_done_in_order_and_not_all_at_once() -> None:
    begun: list[int] = []
    results = in_order(lambda task: begun.append(task) or task, range(1000), threads=2)  # type: ignore[func-returns-value]
    assert [next(results), next(results)] == [0, 1] and len(begun) < 50
    assert list(results) == list(range(2, 1000))


def test_shards_and_tied_heads_change_nothing(tmp_path: Path) -> None:
    """A head that is the embedding is one tensor, whether both store it, one or neither."""
    base, tuned = small(), nudged(small(), 1e-3)
    alone = counted(tmp_path / "alone", *({n: w for n, w in each.items() if n != HEAD} for each in (base, tuned)))
    for at, (one, other) in enumerate([(True, True), (True, False), (False, True)]):
        stored = []
        for each, has in ((base, one), (tuned, other)):
            tensors = dict(each)
            del tensors[HEAD]
            stored.append(tensors | ({HEAD: each[EMBED].clone()} if has else {}))
        folder = tmp_path / str(at)
        pair = open_pair(
            made_checkpoint(folder / "base", stored[0], 2), made_checkpoint(folder / "tuned", stored[1], 3)
        )
        assert set(pair.names) == {EMBED, Q, UP, NORM}
        assert total(change.counts for change in compare(pair)) == alone
    untied = counted(tmp_path / "untied", base, tuned)
    assert untied.weights == alone.weights + base[HEAD].numel()


def test_a_head_that_was_untied_in_training_is_refused_or_counted(tmp_path: Path) -> None:
    tied = small() | {HEAD: small()[EMBED].clone()}
    assert counted(tmp_path / "counted", tied, small()).weights == sum(w.numel() for w in tied.values())
    without = {name: w for name, w in small().items() if name != HEAD}
    with pytest.raises(ModelError, match=r"has no lm_head\.weight"):
        counted(tmp_path / "refused", without, small())


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    cut = dict(small())
    cut[UP] = cut[UP][:, 1:].clone()
    with pytest.raises(ModelError, match=r"up_proj\.weight has shape \[500, 300\], and \[500, 301\] in .*base"):
        counted(tmp_path / "shape", small(), cut)
    bad = small()
    bad[Q][7, 7] = math.nan
    with pytest.raises(ModelError, match=r"tuned: model\.layers\.0\.self_attn\.q_proj\.weight holds NaN"):
        counted(tmp_path / "nan", small(), bad)
    with pytest.raises(ModelError, match=r"weight is stored as F8_E4M3; expected F32, F16, BF16"):
        counted(tmp_path / "f8", small(), {n: w.to(torch.float8_e4m3fn) for n, w in small().items()})
    folder = Path(made_checkpoint(tmp_path / "cut", small()))
    whole = (folder / "model.safetensors").read_bytes()
    for length in (0, 5, 200, len(whole) - 1):
        (folder / "model.safetensors").write_bytes(whole[:length])
        with pytest.raises(ModelError, match=r"is cut short|is not a safetensors file"):
            open_pair(str(folder), str(folder))


def test_rank_of_a_made_update(tmp_path: Path) -> None:
    """A product of 300 x 3 and 3 x 300 has rank 3; no change has rank 0; vectors have none. A head of zeros is tied to
    an embedding of zeros.
    """
    draw = torch.Generator().manual_seed(0)
    low = torch.randn(300, 3, generator=draw) @ torch.randn(3, 300, generator=draw)
    zero = {name: torch.zeros_like(w) for name, w in small().items()}
    paths = [made_checkpoint(tmp_path / str(at), each) for at, each in enumerate((zero, zero | {Q: low}))]
    ranks = {change.name: change.rank for change in compare(open_pair(*paths), rank=True)}
    assert ranks == {EMBED: 0, Q: 3, UP: 0, NORM: None}
    assert rank_of(np.eye(4, dtype=np.float32)) == 4


@pytest.mark.parametrize("size", [1e-1, 1e-3, 1e-5])
def test_rounding_is_no_rank(tmp_path: Path, size: float) -> None:
    """An update of rank 2, ever smaller beside the weights: what float32 adds to it is noise of full rank."""
    draw = torch.Generator().manual_seed(0)
    base = torch.randn(96, 96, generator=draw)
    low = torch.randn(96, 2, generator=draw) @ torch.randn(2, 96, generator=draw)
    paths = [made_checkpoint(tmp_path / str(at), {Q: w}) for at, w in enumerate((base, base + size * low))]
    [change] = compare(open_pair(*paths), rank=True)
    assert change.rank == 2


def test_names_say_layer_and_kind() -> None:
    kinds = {
        "model.layers.11.self_attn.q_norm.weight": (11, "norm"),
        "model.layers.3.self_attn.k_proj.bias": (3, "k"),
        "model.layers.0.mlp.gate_proj.weight": (0, "gate"),
        "model.layers.2.mlp.gate.weight": (2, "other"),
        "model.layers.2.mlp.experts.7.down_proj.weight": (2, "down"),
        "transformer.h.5.attn.c_attn.weight": (5, "other"),
        "transformer.h.5.attn.c_proj.weight": (5, "o"),
        "transformer.h.5.mlp.c_proj.weight": (5, "down"),
        "transformer.h.5.ln_1.weight": (5, "norm"),
        "transformer.wte.weight": (None, "embedding"),
        "model.norm.weight": (None, "norm"),
        "lm_head.weight": (None, "head"),
    }
    assert {name: (layer_of(name), kind_of(name)) for name in kinds} == kinds
