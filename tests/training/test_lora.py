"""LoRA in the loop: what is trained, what is written, and that an adapter is a model wherever one is asked for."""

import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file
from test_learner import base, own_rewards, train
from test_storage import GRPO, stop_and_go_on, weights_of

from assay.errors import ModelError
from assay.policies.adapters import add_adapter
from assay.policies.load import load_policy
from assay.policies.references import find_model
from assay.recipe import LoraTable
from assay.rollout.engine import Engine
from assay.types import Sampling
from tiny_models import make_model, make_tokenizer, tiny_prompt

pytest.importorskip("peft")
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

pytestmark = pytest.mark.filterwarnings(  # peft asks for it by its old name
    "ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"
)
__all__ = ["base", "own_rewards"]  # fixtures

LORA = [GRPO, "model.lora={rank=2, alpha=8, targets=['q_proj', 'down_proj']}", "optimizer.learning_rate=1e-2"]
IDS = torch.arange(5, 14)[None]


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits


@pytest.fixture(scope="module")
def run(tmp_path_factory, base):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(__file__.rpartition("/")[0])
        return stop_and_go_on(tmp_path_factory.mktemp("lora"), base, LORA)


def test_it_resumes_bitwise_and_the_engine_sees_the_adapters(run):
    """`run` was stopped and continued. Log-probabilities are compared at each step, after adapters have moved too."""
    for row in run.read_metrics()[:4]:
        assert row["sampling/sampling_logp_difference/max"] < 1e-4 and row["grad_norm"] > 0


def test_only_the_targets_change(run, base):
    began, ended = weights_of(base), weights_of(run.model)
    assert began.keys() == ended.keys()
    changed = {name for name in began if not torch.equal(began[name], ended[name])}
    assert changed == {"model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.down_proj.weight"}
    assert all(torch.linalg.matrix_rank(ended[name] - began[name], rtol=1e-3) == 2 for name in changed)
    assert not run.masters.exists() and not (run.model / "adapter_config.json").exists()


def test_the_adapter_is_one_of_peft(run, base):
    """peft itself puts it on the base, and says what the merged model says."""
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), run.adapter)
    assert json.loads((run.adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == str(base)
    merged = AutoModelForCausalLM.from_pretrained(run.model)
    torch.testing.assert_close(logits(merged), logits(theirs), rtol=0, atol=1e-5)
    assert (logits(merged) - logits(AutoModelForCausalLM.from_pretrained(base))).abs().max() > 1e-3


def test_an_adapter_is_a_model(run):
    """Loaded by its directory it is the run's model, by name too."""
    policy, whole = load_policy(str(run.adapter), "cpu"), load_policy(str(run.model), "cpu")
    assert (policy.name, policy.version) == (whole.name, whole.version)
    assert find_model(str(run.adapter)).name == find_model(str(run.path)).name == "resume"
    assert type(policy.model) is type(whole.model)
    prompts, sampling = [tiny_prompt(0, 3)], Sampling(max_new_tokens=5)
    samples = [Engine(each).generate(prompts, 2, sampling, "plain")[0].samples for each in (policy, whole)]
    assert [each.text for each in samples[0]] == [each.text for each in samples[1]]


def test_it_begins_as_the_base_and_depends_on_the_seed_alone(base):
    drawn = []
    for seed in (0, 0, 1):
        policy = load_policy(str(base), "cpu")
        before = logits(policy.model)
        torch.rand(1)  # whatever was drawn before
        add_adapter(policy.model, str(base), LoraTable(rank=2), seed)
        assert torch.equal(logits(policy.model), before)
        drawn.append(torch.cat([w.flatten() for w in policy.model.parameters() if w.requires_grad]).detach())
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    state = torch.random.get_rng_state()
    add_adapter(load_policy(str(base), "cpu").model, str(base), LoraTable(), 0)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_masters_of_rounded_adapters(tmp_path, base):
    run = train(tmp_path / "run", base, [*LORA, "model.storage=bfloat16", "steps=2"])
    assert all("lora_" in name for name in load_file(run.masters))
    assert {weight.dtype for weight in weights_of(run.model).values()} == {torch.bfloat16}


def test_an_adapter_of_peft_with_a_tokenizer_of_its_base(tmp_path):
    """As peft saves it: no tokenizer beside it, the base named by a path."""
    make_model().save_pretrained(tmp_path / "base")
    make_tokenizer().save_pretrained(tmp_path / "base")
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(tmp_path / "base"), LoraConfig(init_lora_weights=False))
    model.save_pretrained(tmp_path / "adapter")
    policy = load_policy(str(tmp_path / "adapter"), "cpu")
    torch.testing.assert_close(logits(policy.model), logits(model.eval()), rtol=0, atol=1e-4)
    assert policy.name == "adapter" and all(weight.requires_grad for weight in policy.model.parameters())
    shutil.rmtree(tmp_path / "base")
    with pytest.raises(ModelError, match=r"the base of this adapter cannot be found: .*there is no such directory"):
        load_policy(str(tmp_path / "adapter"), "cpu")


@pytest.mark.parametrize("content", ["{}", "no json", '{"base_model_name_or_path": null}'])
def test_an_adapter_without_a_base_is_refused(tmp_path, content):
    (tmp_path / "adapter_config.json").write_text(content)
    with pytest.raises(ModelError, match=r"adapter_config\.json: (cannot be read|names no base_model_name_or_path)"):
        load_policy(str(tmp_path), "cpu")


def test_an_adapter_of_another_model_is_refused(tmp_path, run):
    shutil.copytree(run.adapter, tmp_path / "adapter")
    make_model().save_pretrained(tmp_path / "other")
    make_tokenizer().save_pretrained(tmp_path / "other")
    config = tmp_path / "adapter" / "adapter_config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"base_model_name_or_path": str(tmp_path / "other")}))
    with pytest.raises(ModelError, match="this adapter cannot be put on"):
        load_policy(str(tmp_path / "adapter"), "cpu")


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [(["q_porj"], "Target modules .*q_porj.* not found"), (["lm_head"], "name the embeddings or the output layer")],
)
def test_targets_that_do_not_fit(tmp_path, base, targets, sentence):
    with pytest.raises(ModelError, match=sentence):
        train(tmp_path / "run", base, [GRPO, f"model.lora={{targets={targets}}}"])


def test_without_peft_the_sentence_names_it(tmp_path, base, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    for load in (lambda: train(tmp_path / "run", base, LORA), lambda: load_policy(str(run.adapter), "cpu")):
        with pytest.raises(ModelError, match="need the package peft; install it"):
            load()
