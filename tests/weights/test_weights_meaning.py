"""weights.json and the sentence: what may be said of sparsity, and when it cannot be told."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from assay.errors import ModelError
from assay.files import write_json
from assay.store import Run
from assay.weights.document import Asked, measure
from made_checkpoints import BASE, Q, bf16_run, made_checkpoint, nudged, small


def test_masters_say_what_rounding_hides(tmp_path: Path) -> None:
    """Counted again with torch: the base of the masters is the base rounded to bf16."""
    run = bf16_run(tmp_path / "rl", 2e-5)
    document = measure(Asked(BASE, str(run)))
    told = document["models"]["rl"]
    masters, stored = load_file(Run(run).masters), load_file(Run(run).model / "model.safetensors")
    base = {
        n: w.bfloat16()
        for n, w in load_file(
            Path(__file__).parents[2] / "src/assay/organisms/shipped/code-base/model.safetensors"
        ).items()
    }
    equal = sum(int((base[n] == stored[n]).sum()) for n in base)
    hidden = sum(int(((base[n] == stored[n]) & (masters[n] != base[n].float())).sum()) for n in base)
    assert told["fp32"] == "masters" and told["total"]["equal"] == equal and told["hidden_share"] == hidden / equal
    assert told["curve"]["fp32"][0] < 0.01 and told["total"]["sparsity"] > 0.85
    assert document["verdict"] == "rounding"
    assert sum(group["weights"] for group in told["layers"]) == told["total"]["weights"]
    assert sum(tensor["changed"] for tensor in told["tensors"]) == told["total"]["changed"]
    assert json.loads(write_json(tmp_path / "weights.json", document).read_text()) == document


def test_without_masters_it_cannot_be_told(tmp_path: Path) -> None:
    document = measure(Asked(BASE, str(bf16_run(tmp_path / "rl", 2e-5, masters=False))))
    assert document["verdict"] == "cannot be told" and document["models"]["rl"]["hidden_share"] is None
    assert "cannot be told without their fp32 values" in document["words"]
    assert any("rl is stored as BF16 and its base as F32" in note for note in document["notes"])


@pytest.mark.parametrize(
    ("moved", "verdict"), [(1.0, "rounding"), (0.5, "partly rounding"), (0.04, "not rounding"), (0.0, "no change")]
)
def test_the_verdict_follows_what_moved_in_float32(tmp_path: Path, moved: float, verdict: str) -> None:
    """Weights of 1, of which a share is moved by 1e-4, a fortieth of the step of bf16; all stored in float32."""
    tuned = torch.ones(10_000)
    tuned[: int(moved * 10_000)] += 1e-4
    paths = [made_checkpoint(tmp_path / str(at), {Q: w}) for at, w in enumerate((torch.ones(10_000), tuned))]
    document = measure(Asked(*paths))
    assert document["verdict"] == verdict
    assert document["models"]["1"]["hidden_share"] == moved


def test_most_weights_changed_is_dense(tmp_path: Path) -> None:
    paths = [made_checkpoint(tmp_path / str(at), small(at)) for at in range(2)]
    assert measure(Asked(*paths))["verdict"] == "dense"


def test_a_control_counts_only_where_the_training_was_the_same(tmp_path: Path) -> None:
    rl, sft = bf16_run(tmp_path / "rl", 2e-5), bf16_run(tmp_path / "sft", 2e-5, seed=1, kind="sft")
    faster = bf16_run(tmp_path / "faster", 2e-4, seed=2, learning_rate=1e-5)
    same = measure(Asked(BASE, str(rl), str(sft)))
    assert same["against_control"]["alike"] is True
    assert same["words"].endswith("so the sparsity is of learning rate and storage, not of RL.")
    other = measure(Asked(BASE, str(rl), str(faster)))
    assert other["against_control"]["differs"] == ["learning rate 1e-05, the tuned model's 1e-06"]
    assert other["against_control"]["alike"] is None and "not the same training" in other["words"]
    assert other["words"].count("learning rate 1e-05") == 1 and not any("learning rate" in n for n in other["notes"])
    unknown = measure(Asked(BASE, str(rl), BASE))
    assert unknown["against_control"]["differs"] is None and "is not known" in unknown["words"]


def test_runs_of_one_recipe_are_told_apart_by_their_paths(tmp_path: Path) -> None:
    """All are named `model` by their recipe; what has a name of its own keeps it, and the same run again a number."""
    paths = [str(bf16_run(tmp_path / f"seed-{at}" / "model", 2e-5, seed=at)) for at in range(3)]
    found = measure(Asked(BASE, paths[0], paths[1], [paths[2], "organism:prose-base"]))
    assert [found["tuned"], found["control"], *found["models"]] == ["seed-0", "seed-1", "seed-0", "seed-1"]
    assert [row["second"] for row in found["overlap"]][:3] == ["seed-1", "seed-2", "organism:prose-base"]
    assert measure(Asked(BASE, paths[0], paths[0]))["control"] == "model-2"


def test_a_control_with_the_same_recipe_that_changed_more(tmp_path: Path) -> None:
    rl, sft = bf16_run(tmp_path / "rl", 2e-5), bf16_run(tmp_path / "sft", 2e-4, seed=1)
    found = measure(Asked(BASE, str(rl), str(sft)))
    assert found["against_control"]["alike"] is False
    assert "the tuned model changed fewer weights than these explain" in found["words"]


def test_masters_of_an_adapter_are_not_the_models_and_some_missing_are_refused(tmp_path: Path) -> None:
    run = bf16_run(tmp_path / "rl", 2e-5)
    masters = load_file(Run(run).masters)
    del masters["model.norm.weight"]
    save_file({"an.adapter.lora_A.weight": masters["model.embed_tokens.weight"]}, Run(run).masters)
    assert measure(Asked(BASE, str(run)))["models"]["rl"]["fp32"] == "as stored"
    save_file(masters, Run(run).masters)
    with pytest.raises(ModelError, match=r"its masters have no model\.norm\.weight"):
        measure(Asked(BASE, str(run)))


def test_runs_with_masters_are_compared_by_their_masters(tmp_path: Path) -> None:
    """A run with itself: nothing moved. With a sibling: the difference of their masters."""
    runs = [bf16_run(tmp_path / f"seed-{seed}", 2e-5, seed) for seed in (0, 1)]
    itself = measure(Asked(str(runs[0]), str(runs[0])))
    assert itself["verdict"] == "no change" and itself["models"]["seed-0"]["total"]["update_norm"] == 0
    found = measure(Asked(str(runs[0]), str(runs[1])))["models"]["seed-1"]["total"]
    a, b = (load_file(Run(run).masters) for run in runs)
    squares = sum(float(((b[name] - a[name]).double() ** 2).sum()) for name in a)
    assert found["update_norm"] == pytest.approx(squares**0.5, rel=1e-6)


def test_masters_that_are_not_those_of_the_model_are_refused(tmp_path: Path) -> None:
    run = bf16_run(tmp_path / "rl", 2e-5)
    masters = load_file(Run(run).masters)
    save_file({name: w + 0.1 for name, w in masters.items()}, Run(run).masters)
    with pytest.raises(ModelError, match="are not those of"):
        measure(Asked(BASE, str(run)))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_what_was_rounded_before_it_was_saved_in_float32_cannot_be_told(tmp_path: Path, dtype: torch.dtype) -> None:
    models = [{Q: w[Q].to(dtype).float()} for w in (small(), nudged(small(), 1e-5))]
    paths = [made_checkpoint(tmp_path / str(at), each) for at, each in enumerate(models)]
    document = measure(Asked(*paths, rank=True))
    told = document["models"]["1"]
    assert document["verdict"] == "cannot be told" and told["hidden_share"] is None
    assert told["tensors"][0]["rank"] is None
    assert any("it was rounded before it was saved so" in note for note in document["notes"])


def test_a_control_of_the_same_kind_tells_nothing_of_that_kind(tmp_path: Path) -> None:
    rl, also = bf16_run(tmp_path / "rl", 2e-5), bf16_run(tmp_path / "also", 2e-5, seed=1)
    words = measure(Asked(BASE, str(rl), str(also)))["words"]
    assert "not of RL" not in words and words.endswith("cannot tell what rl does.")


def test_a_control_that_changed_many_times_more_is_not_alike(tmp_path: Path) -> None:
    """Both sparsities lie within 5 points: few weights, and ten times as many."""
    rl, sft = bf16_run(tmp_path / "rl", 5e-7), bf16_run(tmp_path / "sft", 5e-6, seed=1, kind="sft")
    document = measure(Asked(BASE, str(rl), str(sft)))
    changed = [1 - told["total"]["sparsity"] for told in document["models"].values()]
    assert changed[1] - changed[0] < 0.05 and changed[1] > 2 * changed[0]
    assert document["against_control"]["alike"] is False and "fewer weights than these explain" in document["words"]


def test_a_model_without_a_single_weight_and_a_difference_beyond_float32(tmp_path: Path) -> None:
    empty = [made_checkpoint(tmp_path / name, {Q: torch.zeros(0, 4)}) for name in ("a", "b")]
    with pytest.raises(ModelError, match="holds no weights"):
        measure(Asked(*empty))
    far = [made_checkpoint(tmp_path / str(sign), {Q: torch.full((4,), sign * 3e38)}) for sign in (-1, 1)]
    with pytest.raises(ModelError, match="by more than float32 can hold"):
        measure(Asked(*far))
