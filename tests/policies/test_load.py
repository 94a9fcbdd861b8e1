import json
import os
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import T5Config, T5ForConditionalGeneration

from assay.errors import ModelError
from assay.policies import references
from assay.policies.hash import weights_hash
from assay.policies.load import load_policy, make_policy
from assay.policies.save import save_policy
from tiny_models import EOS, make_model, make_tokenizer, tiny_policy


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model directory, never to be changed."""
    folder = tmp_path_factory.mktemp("saved") / "tiny"
    make_model().save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    """A model directory of the test's own."""
    return shutil.copytree(saved, tmp_path / "tiny")


IDS = torch.tensor([[1, 5, 9, 23]])


def test_a_directory(saved):
    """The weights that were saved, in float32, with dropout off and every id that ends a sequence."""
    policy = load_policy(str(saved))
    assert (policy.name, policy.dtype, policy.device.type, policy.model.training) == (
        "tiny",
        torch.float32,
        "cpu",
        False,
    )
    assert (policy.stop_ids, policy.max_positions, policy.vocabulary_size) == ({EOS}, 128, 61)
    assert policy.label == f"tiny@{policy.version}" and len(policy.version) == 12
    with torch.no_grad():
        assert torch.equal(policy.model(IDS).logits, make_model().eval()(IDS).logits)
        assert torch.equal(policy.logits(policy.states(IDS)), policy.model(IDS).logits)


def test_dropout_is_off_though_the_model_has_some():
    policy = tiny_policy("gpt2")
    assert policy.model.config.resid_pdrop > 0
    with torch.no_grad():
        assert torch.equal(policy.states(IDS), policy.states(IDS))


@pytest.mark.parametrize("kind", ["granite", "cohere", "gemma2"])
def test_what_comes_after_the_output_layer_is_known(kind):
    """Granite divides logits, Cohere multiplies them, Gemma caps them."""
    changes = {"granite": {"logits_scaling": 3.0}, "cohere": {"logit_scale": 0.25}, "gemma2": {}}[kind]
    policy = tiny_policy(kind, **changes)
    with torch.no_grad():
        plain = policy.model.get_output_embeddings()(policy.states(IDS))
        theirs = policy.model(IDS).logits
        torch.testing.assert_close(policy.logits(policy.states(IDS)), theirs)
    assert not torch.allclose(plain, theirs)


def test_what_comes_after_the_output_layer_is_not_guessed(saved, monkeypatch):
    """A model that does something else to its logits is refused, not sampled wrongly."""
    forward = type(make_model()).forward

    def squared(self, *arguments, **options):
        output = forward(self, *arguments, **options)
        output.logits = output.logits**2
        return output

    monkeypatch.setattr(type(make_model()), "forward", squared)
    with pytest.raises(ModelError, match="changes its logits in a way that Assay does not know"):
        load_policy(str(saved))


def test_stop_ids_of_all_three_places():
    """Generation config [2, 7], model config 9, tokenizer 2: any of them ends a sequence."""
    model = make_model()
    model.generation_config.eos_token_id = [EOS, 7]
    model.config.eos_token_id = 9
    assert make_policy(model, make_tokenizer(), "m", "v").stop_ids == {EOS, 7, 9}


def test_the_hash_does_not_depend_on_the_files(saved, tmp_path):
    """One file, many shards, and another order of the same tensors."""
    make_model().save_pretrained(tmp_path / "shards", max_shard_size="5KB")
    make_tokenizer().save_pretrained(tmp_path / "shards")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 3
    assert load_policy(str(tmp_path / "shards")).version == load_policy(str(saved)).version
    state = make_model().state_dict()
    assert weights_hash(state) == weights_hash(dict(reversed(state.items()))) == load_policy(str(saved)).version


@pytest.mark.parametrize("change", ["bit", "name", "shape", "dtype"])
def test_the_hash_changes_with_anything_else(change):
    state = {"a": torch.arange(6.0), "b": torch.zeros(2, 3)}
    before = weights_hash(state)
    if change == "bit":
        state["a"][3] = torch.nextafter(state["a"][3], torch.tensor(9.0))
    elif change == "name":
        state["c"] = state.pop("b")
    elif change == "shape":
        state["b"] = state["b"].reshape(3, 2)
    else:
        state["b"] = torch.zeros(2, 3, dtype=torch.int32)
    assert weights_hash(state) != before


def test_dtypes(saved):
    """The version is that of the stored weights, whatever they are computed in."""
    half = load_policy(str(saved), dtype="bfloat16")
    assert (half.dtype, half.version) == (torch.bfloat16, load_policy(str(saved)).version)
    with pytest.raises(ModelError, match="there is no dtype 'int3'"):
        load_policy(str(saved), dtype="int3")


@pytest.mark.parametrize("device", ["cuda:93", "toaster"])
def test_a_device_that_is_not_there(saved, device):
    with pytest.raises(ModelError, match=f"there is no device '{device}' here"):
        load_policy(str(saved), device=device)


def test_a_run_means_its_model(saved, tmp_path):
    run = tmp_path / "countdown-0"
    run.mkdir()
    (run / "run.json").write_text("{}")
    with pytest.raises(ModelError, match=r"has no model yet; finish it with: assay train --resume .*countdown-0"):
        load_policy(str(run))
    shutil.copytree(saved, run / "model")
    assert load_policy(str(run)).name == load_policy(str(run / "model")).name == "countdown-0"


def test_a_run_directory_that_is_a_model_itself(copy):
    (copy / "run.json").write_text("{}")
    assert load_policy(str(copy)).name == "tiny"


def test_an_organism_is_shipped(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(references, "SHIPPED", tmp_path)
    with pytest.raises(ModelError, match="there is no organism 'code-bse'; none is shipped"):
        load_policy("organism:code-bse")
    shutil.copytree(saved, tmp_path / "code-base")
    assert load_policy("organism:code-base").name == "organism:code-base"
    with pytest.raises(ModelError, match="no organism 'code-bse', did you mean 'code-base'"):
        load_policy("organism:code-bse")


@pytest.mark.parametrize("reference", ["./nowhere", "/nowhere/at/all", "~/nowhere", "models/of/mine", "", " tiny"])
def test_a_directory_that_is_not_there(reference):
    with pytest.raises(ModelError, match="there is no such directory"):
        load_policy(reference)


def test_a_hub_that_cannot_be_reached():
    """HF_HUB_OFFLINE is set for the tests."""
    with pytest.raises(
        ModelError, match=r"'someone/some-model' is neither a local directory nor .* it cannot be reached, or"
    ):
        load_policy("someone/some-model")


def test_a_file_and_an_empty_directory(copy, tmp_path):
    with pytest.raises(ModelError, match="is a file; give the directory"):
        load_policy(str(copy / "config.json"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"neither config\.json \(a model\) nor run\.json \(a run\)"):
        load_policy(str(tmp_path / "empty"))


def _truncate(folder):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])


def _drop_a_tensor(folder):
    tensors = load_file(folder / "model.safetensors")
    del tensors["model.norm.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _reshape(folder):
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = torch.ones(7)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _unknown_architecture(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "telepathy"}))


def _no_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()


def _larger_tokenizer(folder):
    make_tokenizer(words=99).save_pretrained(folder)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (_truncate, "cannot be loaded as a causal language model"),
        (_drop_a_tensor, r"the weights lack model\.norm\.weight"),
        (_reshape, r"the weights have model\.norm\.weight in another shape"),
        (_unknown_architecture, "cannot be loaded as a causal language model: .*telepathy"),
        (_no_tokenizer, "has no tokenizer"),
        (_larger_tokenizer, "the tokenizer has ids up to 98 but the model only 61 embeddings"),
    ],
)
def test_broken_directories_get_one_sentence(copy, harm, said):
    harm(copy)
    with pytest.raises(ModelError, match=said) as error:
        load_policy(str(copy))
    assert "\n" not in str(error.value)


def test_an_encoder_decoder_is_refused(saved, tmp_path):
    config = T5Config(vocab_size=61, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path / "t5")
    make_tokenizer().save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError, match="t5: "):
        load_policy(str(tmp_path / "t5"))


def test_saving_and_loading_changes_nothing(saved, tmp_path):
    policy = load_policy(str(saved))
    assert save_policy(policy, tmp_path / "again") == tmp_path / "again"
    again = load_policy(str(tmp_path / "again"))
    assert (again.version, again.stop_ids) == (policy.version, policy.stop_ids)
    assert again.tokenizer("w5 w6")["input_ids"] == policy.tokenizer("w5 w6")["input_ids"]
    assert list((tmp_path / "again").glob("*.safetensors"))


def test_a_save_that_fails_leaves_what_was_there(saved, copy, monkeypatch):
    policy = load_policy(str(saved))
    with torch.no_grad():
        policy.model.model.norm.weight += 1
    before = {path.name: path.read_bytes() for path in copy.iterdir()}

    def full(directory):
        raise OSError(28, "No space left on device", str(directory))

    monkeypatch.setattr(policy.tokenizer, "save_pretrained", full)
    with pytest.raises(OSError, match="No space"):
        save_policy(policy, copy)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert [path.name for path in copy.parent.iterdir()] == ["tiny"]


class Payload:
    """A pickle of it makes a folder where it is loaded."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_weights_that_are_a_pickle_of_code_are_refused(copy, tmp_path):
    """First the pickle is shown to work where it is trusted."""
    shown = tmp_path / "shown"
    pickle.loads(pickle.dumps(Payload(shown)))
    assert shown.is_dir()
    (copy / "model.safetensors").unlink()
    torch.save({"weight": Payload(tmp_path / "ran")}, copy / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"cannot be loaded as a causal language model"):
        load_policy(str(copy))
    assert not (tmp_path / "ran").exists()


def test_code_that_a_model_brings_is_not_run(copy, tmp_path):
    (copy / "modeling_own.py").write_text(f"import os\nos.mkdir({str(tmp_path / 'ran')!r})\nclass Own: pass\n")
    config = json.loads((copy / "config.json").read_text())
    config |= {
        "model_type": "own",
        "auto_map": {"AutoConfig": "modeling_own.Own", "AutoModelForCausalLM": "modeling_own.Own"},
    }
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError):
        load_policy(str(copy))
    assert not (tmp_path / "ran").exists()
