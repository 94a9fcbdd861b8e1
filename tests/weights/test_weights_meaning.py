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
from made_checkpoints import BASE, Q, bf16_run, made_checkpoint, small


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
    rl, sft = bf16_run(tmp_path / "rl", 2e-5), bf16_run(tmp_path / "sft", 2e-5, seed=1)
    faster = bf16_run(tmp_path / "faster", 2e-4, seed=2, learning_rate=1e-5)
    same = measure(Asked(BASE, str(rl), str(sft)))
    assert same["against_control"]["alike"] is True
    assert same["words"].endswith("so the sparsity is of learning rate and storage, not of RL.")
    other = measure(Asked(BASE, str(rl), str(faster)))
    assert other["against_control"]["differs"] == ["learning rate 1e-05, the tuned model's 1e-06"]
    assert other["against_control"]["alike"] is None and "not the same training" in other["words"]
    assert any(note.startswith("Warning: the control faster differs") for note in other["notes"])
    unknown = measure(Asked(BASE, str(rl), BASE))
    assert unknown["against_control"]["differs"] is None and "is not known" in unknown["words"]


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
