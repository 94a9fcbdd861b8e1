"""How weights are kept in training: rounded beside float32 masters, held by a mask, or adapted."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_learner import assert_same, base, own_rewards, train
from test_resume import RECIPE, numbers
from torch import nn

from assay.cli.main import run as assay
from assay.errors import DataError, Interrupted, RecipeError, RunError
from assay.organisms.grow import Shape, make_model
from assay.policies.load import load_policy
from assay.recipe import OptimizerTable, parse_recipe
from assay.store import Run
from assay.training.mask import read_mask
from assay.training.optimizer import MasterOptimizer

__all__ = ["base", "own_rewards"]  # fixtures

BF16 = ["model.storage=bfloat16"]
GRPO = "algorithm={name='grpo', updates=2}"


def weights_of(folder):
    return load_file(folder / "model.safetensors")


def make_mask(path, base, keep=lambda weight: weight != 0, **changes):
    """A mask of the base's weights, with some of them changed or, where None, left out."""
    masks = {name: keep(weight) for name, weight in weights_of(base).items()} | changes
    save_file({n: m.contiguous() for n, m in masks.items() if m is not None}, path, {"format": "assay.mask/1"})
    return path


def half(weight):
    """Every other place."""
    return (torch.arange(weight.numel()) % 2 == 0).view(weight.shape)


def stop_and_go_on(tmp_path, base, overrides):
    whole = train(tmp_path / "whole", base, overrides)
    with pytest.raises(Interrupted):
        train(tmp_path / "stopped", base, overrides, stop_before=3)
    stopped = train(tmp_path / "stopped", base, overrides)
    assert numbers(stopped.path) == numbers(whole.path)
    assert_same(*(torch.load(run.path / "checkpoints/step-000004/learner.pt") for run in (stopped, whole)))
    for name, weight in weights_of(whole.model).items():
        assert torch.equal(weights_of(stopped.model)[name], weight), name
    return whole


def test_rounded_weights_resume_bitwise_and_masters_are_kept(tmp_path, base):
    """The model is the masters rounded, in bfloat16; they have its names, in float32, and more digits."""
    run = stop_and_go_on(tmp_path, base, [GRPO, *BF16])
    masters, weights = load_file(run.masters), weights_of(run.model)
    assert masters.keys() == weights.keys()
    assert {each.dtype for each in masters.values()} == {torch.float32}
    for name, weight in weights.items():
        assert weight.dtype == torch.bfloat16 and torch.equal(weight, masters[name].bfloat16())
    assert any((masters[name] != weight.float()).any() for name, weight in weights.items())
    assert json.loads((run.model / "config.json").read_text())["dtype"] == "bfloat16"


def test_every_weight_that_samples_and_learns_is_rounded(base):
    policy = load_policy(str(base), "cpu", storage="bfloat16")
    optimizer = MasterOptimizer(policy.model, OptimizerTable(learning_rate=1e-3), "bfloat16")

    def are_rounded():
        return all(torch.equal(w, w.bfloat16().float()) and w.dtype == torch.float32 for w in policy.model.parameters())

    assert are_rounded()
    before = [weight.detach().clone() for weight in policy.model.parameters()]
    policy.model(input_ids=torch.arange(9)[None]).logits.logsumexp(-1).sum().backward()
    optimizer.update()
    assert are_rounded()
    assert any((a != b).any() for a, b in zip(before, policy.model.parameters(), strict=True))
    assert not all(torch.equal(m, m.bfloat16().float()) for m in optimizer.separate_masters.values())


def test_small_updates_reach_the_masters_only():
    """Half a unit in the last place of .02 in bfloat16 is 2^-14, about 6.1e-5: it takes sixty updates of 1e-6."""
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(torch.tensor(0.02).bfloat16().float())
    start = model.weight.item()
    optimizer = MasterOptimizer(model, OptimizerTable(learning_rate=1e-6), "bfloat16")
    moved = []
    for _ in range(70):
        model.weight.grad = torch.ones(1, 1)
        optimizer.update()
        moved.append(model.weight.item() != start)
        (master,) = optimizer.separate_masters.values()
        assert master.item() == pytest.approx(start - len(moved) * 1e-6, abs=1e-7)
    assert not any(moved[:55]) and all(moved[-5:])


def test_the_same_run_in_float32_keeps_no_masters(tmp_path, base):
    run = train(tmp_path / "run", base, [GRPO])
    assert not run.masters.exists() and not run.adapter.exists()
    assert weights_of(run.model)["model.norm.weight"].dtype == torch.float32


def test_a_penalty_compares_with_the_rounded_base(tmp_path, base):
    """Before the first update the policy is its own reference, rounding included."""
    run = train(tmp_path / "run", base, ["algorithm={name='grpo', kl_coef=0.1}", *BF16])
    assert run.read_metrics()[0]["kl"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("storage", [[], BF16], ids=["float32", "bfloat16"])
def test_masked_weights_end_as_they_began(tmp_path, base, storage):
    mask = make_mask(tmp_path / "half.mask", base, half)
    run = stop_and_go_on(tmp_path, base, [GRPO, f"optimizer.mask={mask}", "optimizer.learning_rate=1e-2", *storage])
    moved = 0
    for name, began in weights_of(base).items():
        ended = weights_of(run.model)[name]
        began, may = (began.to(ended.dtype), half(began))
        assert torch.equal(ended[~may], began[~may]), name
        moved += int((ended[may] != began[may]).sum())
    assert moved > 100
    assert len(run.manifest["mask"]["optimizer.mask"]) == 12


def test_a_full_mask_changes_nothing(tmp_path, base):
    mask = make_mask(tmp_path / "full.mask", base, lambda weight: torch.ones(weight.shape, dtype=torch.bool))
    masked, plain = (train(tmp_path / n, base, [GRPO, *o]) for n, o in (("m", [f"optimizer.mask={mask}"]), ("p", [])))
    assert numbers(masked.path) == numbers(plain.path)


def test_the_gradient_is_masked_before_it_is_clipped():
    """Gradient (3, 4) under the mask (1, 0) has norm 3, and Adam's moments of the second stay 0."""
    model = nn.Linear(2, 1, bias=False)
    optimizer = MasterOptimizer(model, OptimizerTable())
    optimizer.masks = {"weight": torch.tensor([[True, False]])}
    model.weight.grad = torch.tensor([[3.0, 4.0]])
    assert optimizer.update() == pytest.approx(3.0)
    moment = optimizer.adam.state[model.weight]["exp_avg"]
    assert moment[0, 0] > 0 == moment[0, 1]


def test_a_tied_weight_may_stand_under_either_name(tmp_path):
    model = make_model(Shape(hidden=16, layers=1, heads=2, mlp=16, max_positions=64), 0)
    model.config.tie_word_embeddings = True
    model.tie_weights()
    masks = {name: torch.ones(weight.shape, dtype=torch.bool) for name, weight in model.named_parameters()}
    for name in ("model.embed_tokens.weight", "lm_head.weight"):
        path = tmp_path / name
        tied = masks.pop("model.embed_tokens.weight", None)
        masks = {n: m for n, m in masks.items() if n != "lm_head.weight"}
        save_file(
            masks | {name: torch.ones(model.lm_head.weight.shape, dtype=torch.bool)}, path, {"format": "assay.mask/1"}
        )
        assert "model.embed_tokens.weight" in read_mask(path, model), tied


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model.norm.weight": None}, r"lacks model\.norm\.weight; give a mask of this very model"),
        ({"extra": torch.ones(2, dtype=torch.bool)}, "has extra, which is no trained weight of this model"),
        ({"model.norm.weight": torch.ones(3, dtype=torch.bool)}, r"has the shape \[3\], the model's \[16\]"),
        ({"model.norm.weight": torch.ones(16)}, r"its tensor model\.norm\.weight is not of bools"),
    ],
)
def test_masks_of_another_model_are_refused(tmp_path, base, changes, sentence):
    mask = make_mask(tmp_path / "x.mask", base, **changes)
    with pytest.raises(DataError, match=sentence):
        train(tmp_path / "run", base, [f"optimizer.mask={mask}"])
    assert Run.open(tmp_path / "run").read_metrics() == []


def test_what_is_no_mask_is_refused_before_anything_is_made(tmp_path, base, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.toml").write_text(RECIPE.format(base=base).replace("[optimizer]", '[optimizer]\nmask = "m"'))
    for content, sentence in (
        (None, "cannot be read"),
        (b"no tensors", "cannot be read"),
        (None, "its format is None, expected 'assay.mask/1'"),
    ):
        if sentence.startswith("its"):
            save_file({"a": torch.ones(1, dtype=torch.bool)}, tmp_path / "m")
        elif content:
            (tmp_path / "m").write_bytes(content)
        assert assay(["train", "recipe.toml", "--out", "run"]) == 2
        error = capsys.readouterr().err
        assert sentence in error and "assay diff --mask" in error and len(error.splitlines()) <= 3
        assert not (tmp_path / "run").exists()


def test_a_mask_that_changed_is_noticed(tmp_path, base):
    mask = make_mask(tmp_path / "m", base)
    with pytest.raises(Interrupted):
        train(tmp_path / "run", base, [f"optimizer.mask={mask}"], stop_before=2)
    make_mask(mask, base, half)
    with pytest.raises(RunError, match=r"its optimizer\.mask had the hash"):
        train(tmp_path / "run", base, [f"optimizer.mask={mask}"])


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["optimizer.mask=m", "optimizer.weight_decay=0.1"], "set weight_decay = 0"),
        (["optimizer.mask=m", "model.lora={rank=2}"], "with model.lora these stay as they are; give one"),
    ],
)
def test_combinations_that_cannot_work(base, overrides, sentence):
    with pytest.raises(RecipeError, match=sentence):
        parse_recipe(RECIPE.format(base=base), "x", overrides)
