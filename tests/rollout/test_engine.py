import numpy as np
import pytest
import torch
import transformers

from assay.errors import ModelError, RecipeError
from assay.rollout.engine import Engine
from assay.rollout.forward import LlamaPolicy
from assay.types import Prompt, Sampling, Stop
from tiny_models import EOS, make_tokenizer, tiny_policy, tiny_prompt

PROMPTS = [tiny_prompt(index, words) for index, words in enumerate((0, 1, 5, 31, 32, 33, 40))]
"""Around the 32 tokens of a block: the last of them prefill nothing, one block exactly, and one and a bit."""
SERVED = ("llama", "qwen2", "qwen3", "mistral", "gpt2", "granite", "cohere")
FALLBACK = ("gemma2", "mistral-window")
GREEDY = ("llama", "qwen2", "qwen3", "gpt2", "mistral-window")


def make(kind, **changes):
    if kind == "mistral-window":
        return tiny_policy("mistral", sliding_window=16, **changes)
    return tiny_policy(kind, **changes)


def flat(groups):
    return [sample for group in groups for sample in group.samples]


def teacher_forced(policy, sample):
    """Log-probabilities [T] of a sample's tokens by the model's own forward pass, no engine code; 0 at the first."""
    ids = torch.tensor(sample.token_ids.astype(np.int64))[None]
    with torch.no_grad():
        logits = policy.model(input_ids=ids).logits[0].double() / sample.sampling.temperature
    scores = torch.log_softmax(logits, -1)[:-1].gather(-1, ids[0, 1:, None])[:, 0]
    return np.concatenate([[0.0], scores.numpy()])


@pytest.mark.parametrize("kind", [*SERVED, *FALLBACK])
def test_logprobs_are_those_of_the_whole_sequence(kind):
    """Prompts of all lengths around a block, responses that cross blocks, fewer slots than samples."""
    policy = make(kind)
    engine = Engine(policy, slots=12)
    groups = engine.generate(PROMPTS, 3, Sampling(temperature=0.7, max_new_tokens=45, seed=1))
    assert (engine.fallback is None) == (kind in SERVED)
    assert [len(group.samples) for group in groups] == [3] * len(PROMPTS)
    assert {sample.stop for sample in flat(groups)} == {Stop.EOS, Stop.LENGTH}
    for sample in flat(groups):
        np.testing.assert_allclose(sample.logprobs[sample.mask], teacher_forced(policy, sample)[sample.mask], atol=1e-5)


@pytest.mark.parametrize("kind", GREEDY)
def test_greedy_is_transformers_greedy(kind):
    """top_k = 1 leaves one token, of log-probability 0; temperature 0 means the same."""
    policy = make(kind)
    greedy = Engine(policy).generate(PROMPTS, 1, Sampling(top_k=1, max_new_tokens=40))
    cold = Engine(policy).generate(PROMPTS, 1, Sampling(temperature=0, max_new_tokens=40))
    for prompt, group, same in zip(PROMPTS, greedy, cold, strict=True):
        ids = torch.tensor([policy.tokenizer(prompt.text)["input_ids"]])
        config = transformers.GenerationConfig(do_sample=False, max_new_tokens=40, eos_token_id=EOS, pad_token_id=0)
        expected = policy.model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
        assert group.samples[0].token_ids.tolist() == expected[0].tolist()
        assert same.samples[0].token_ids.tolist() == expected[0].tolist()
        assert not group.samples[0].logprobs.any()


def test_fallback_draws_what_the_engine_draws():
    """The same random numbers and the same code: tokens agree where nothing is close to a boundary."""
    served, fallen = Engine(tiny_policy(stop_ids={7})), Engine(tiny_policy(stop_ids={7}))
    fallen._serving = type(served.serving)(refusal="for the test")
    sampling = Sampling(max_new_tokens=70, seed=4)
    pairs = zip(flat(served.generate(PROMPTS, 2, sampling)), flat(fallen.generate(PROMPTS, 2, sampling)), strict=True)
    for ours, theirs in pairs:
        assert ours.token_ids.tolist() == theirs.token_ids.tolist()
        assert (ours.stop, ours.text) == (theirs.stop, theirs.text)
        np.testing.assert_allclose(ours.logprobs, theirs.logprobs, atol=1e-5)


def test_fallback_says_so_once():
    engine = Engine(tiny_policy("gemma2"))
    for _ in range(2):
        engine.generate(PROMPTS[:1], 1, Sampling(max_new_tokens=2))
    why = "not all its layers attend to all earlier tokens (SlidingWindowLayer)"
    assert engine.notes == [f"gemma2 is sampled by transformers' generate: {why}"]


def test_fallback_ignores_the_models_own_generation_habits():
    """A repetition penalty in the generation config would change the distribution that is sampled."""
    policy = tiny_policy("gemma2")
    plain = flat(Engine(policy).generate(PROMPTS, 1, Sampling(max_new_tokens=20)))
    policy.model.generation_config.repetition_penalty = 5.0
    penalised = flat(Engine(policy).generate(PROMPTS, 1, Sampling(max_new_tokens=20)))
    assert [s.token_ids.tolist() for s in plain] == [s.token_ids.tolist() for s in penalised]
    assert policy.model.generation_config.repetition_penalty == 5.0


def test_a_model_without_attention_falls_back():
    policy = tiny_policy("mamba", state_size=4, expand=2)
    engine = Engine(policy)
    sample = flat(engine.generate(PROMPTS[2:3], 1, Sampling(max_new_tokens=8)))[0]
    assert engine.fallback is not None
    np.testing.assert_allclose(sample.logprobs[sample.mask], teacher_forced(policy, sample)[sample.mask], atol=1e-4)


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_any_end_of_sequence_id_ends(kind):
    """Every id of the stop set ends a response; the id itself belongs to the response and not to its text."""
    policy = make(kind, stop_ids={EOS, 7, 9, 23})
    samples = flat(Engine(policy).generate(PROMPTS, 8, Sampling(max_new_tokens=40)))
    ended = [sample for sample in samples if sample.stop is Stop.EOS]
    assert {int(sample.token_ids[-1]) for sample in ended} == {EOS, 7, 9, 23}
    for sample in samples:
        response = sample.token_ids[sample.mask].tolist()
        is_stop = [token in policy.stop_ids for token in response]
        assert not any(is_stop[:-1])
        assert is_stop[-1] == (sample.stop is Stop.EOS)
        said = response[:-1] if sample.stop is Stop.EOS else response
        assert sample.text.split() == policy.tokenizer.convert_ids_to_tokens([id_ for id_ in said if id_ > EOS])


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_length_limit(kind):
    policy = make(kind, stop_ids=())
    samples = flat(Engine(policy, slots=5).generate(PROMPTS, 2, Sampling(max_new_tokens=3)))
    assert {(sample.stop, sample.length_tokens) for sample in samples} == {(Stop.LENGTH, 3)}


def test_an_end_at_the_limit_is_no_truncation():
    """The last token that is allowed may be the end of sequence."""
    policy = tiny_policy(stop_ids=set(range(61)))
    samples = flat(Engine(policy).generate(PROMPTS, 1, Sampling(max_new_tokens=1)))
    assert {sample.stop for sample in samples} == {Stop.EOS}


@pytest.mark.parametrize("kind", ["llama", "gemma2"])
def test_stop_strings(kind):
    """'7 w1' needs two tokens; the text ends before the string, the ids run past it."""
    policy = make(kind, stop_ids=())
    sampling = Sampling(max_new_tokens=40, stop=("7 w1", "w30"), seed=2)
    samples = flat(Engine(policy).generate(PROMPTS, 3, sampling))
    whole = flat(Engine(policy).generate(PROMPTS, 3, Sampling(max_new_tokens=40, seed=2)))
    assert {sample.stop for sample in samples} == {Stop.STRING, Stop.LENGTH}
    for sample, long in zip(samples, whole, strict=True):
        places = [place for string in sampling.stop if (place := long.text.find(string)) >= 0]
        assert sample.text == (long.text[: min(places)] if places else long.text)
        assert sample.stop is (Stop.STRING if places else Stop.LENGTH)
        assert sample.token_ids.tolist() == long.token_ids.tolist()[: len(sample.token_ids)]
        if places:
            without_last = policy.tokenizer.decode(sample.token_ids[sample.mask][:-1], skip_special_tokens=True)
            assert not any(string in without_last for string in sampling.stop)


def test_samples_are_aligned():
    """mask[0] is False, the prompt's ids come first, and the version is the policy's."""
    policy = tiny_policy()
    policy.version = "step-12"
    groups = Engine(policy).generate(PROMPTS, 2, Sampling(max_new_tokens=5), group_ids=range(100, 107))
    for number, (prompt, group) in enumerate(zip(PROMPTS, groups, strict=True)):
        ids = policy.tokenizer(prompt.text)["input_ids"]
        assert group.prompt is prompt
        assert [sample.member for sample in group.samples] == [0, 1]
        for sample in group.samples:
            assert (sample.group, sample.policy) == (100 + number, "step-12")
            assert sample.token_ids[~sample.mask].tolist() == ids
            assert not sample.mask[: len(ids)].any() and sample.mask[len(ids) :].all()
            assert (sample.token_ids.dtype, sample.mask.dtype, sample.logprobs.dtype) == (np.int32, bool, np.float32)


def test_members_by_name_and_progress():
    """Single members can be asked for, and are those of the whole group."""
    engine, sampling, seen = Engine(tiny_policy()), Sampling(max_new_tokens=9, seed=5), []
    whole = engine.generate(PROMPTS[:3], 4, sampling, advance=seen.append)
    some = engine.generate(PROMPTS[:3], [(2, 3), (0, 1)], sampling)
    assert sum(seen) == 12
    assert [[sample.member for sample in group.samples] for group in some] == [[1], [], [3]]
    assert some[0].samples[0].token_ids.tolist() == whole[0].samples[1].token_ids.tolist()
    assert some[2].samples[0].token_ids.tolist() == whole[2].samples[3].token_ids.tolist()


def test_the_same_problem_twice_gets_other_samples():
    """A step may draw a problem twice; copies of the same responses would be no samples."""
    first, second = Engine(tiny_policy()).generate([PROMPTS[2], PROMPTS[2]], 4, Sampling(max_new_tokens=20))
    texts = [sample.text for sample in (*first.samples, *second.samples)]
    assert len(set(texts)) == 8


def test_weights_are_read_at_each_call_and_stay_trainable():
    """The engine borrows the module: the attention setting, training mode and gradients are as before."""
    policy = tiny_policy()
    engine = Engine(policy)
    before = flat(engine.generate(PROMPTS, 1, Sampling(max_new_tokens=20)))
    assert policy.model.config._attn_implementation == "sdpa"
    loss = policy.model(input_ids=torch.tensor([[1, 5, 6]])).logits.square().mean()
    loss.backward()
    with torch.no_grad():
        for weight in policy.model.parameters():
            assert weight.grad is not None
            weight -= 0.5 * weight.grad
    after = flat(engine.generate(PROMPTS, 1, Sampling(max_new_tokens=20)))
    assert [s.token_ids.tolist() for s in before] != [s.token_ids.tolist() for s in after]
    for sample in after:
        np.testing.assert_allclose(sample.logprobs[sample.mask], teacher_forced(policy, sample)[sample.mask], atol=1e-5)


@pytest.mark.parametrize("kind", SERVED)
def test_which_models_run_the_short_forward_pass(kind):
    """Its numbers are those of the model in `test_logprobs_are_those_of_the_whole_sequence`."""
    short = isinstance(Engine(make(kind)).forward, LlamaPolicy)
    assert short == (kind in ("llama", "qwen2", "qwen3", "mistral"))


class Adapted(torch.nn.Linear):
    """Does more than its weight says, as a layer with an adapter does."""

    def forward(self, input):
        return super().forward(input) * 1.5


def test_a_model_that_was_adapted_runs_its_own_modules():
    """Between two calls of one engine a layer is wrapped; the samples are those of the model with the wrapped layer."""
    policy = tiny_policy()
    engine = Engine(policy)
    engine.generate(PROMPTS[:1], 1, Sampling(max_new_tokens=2))
    policy.model.model.layers[0].mlp.up_proj.__class__ = Adapted
    for sample in flat(engine.generate(PROMPTS, 1, Sampling(max_new_tokens=20))):
        np.testing.assert_allclose(sample.logprobs[sample.mask], teacher_forced(policy, sample)[sample.mask], atol=1e-5)


def test_a_short_forward_pass_that_differs_is_not_used():
    """The trial before the first sample finds it, and the model's own modules run instead."""
    policy = tiny_policy()
    for layer in policy.model.model.layers:
        layer.mlp.act_fn = torch.nn.GELU()  # while the configuration says SiLU
    engine = Engine(policy)
    assert isinstance(engine.forward, LlamaPolicy)
    samples = flat(engine.generate(PROMPTS, 1, Sampling(max_new_tokens=20)))
    assert engine.forward is policy and engine.fallback is None
    for sample in samples:
        np.testing.assert_allclose(sample.logprobs[sample.mask], teacher_forced(policy, sample)[sample.mask], atol=1e-5)


def test_the_attention_setting_is_restored_after_an_error():
    policy = tiny_policy()
    stream = Engine(policy).stream(PROMPTS, 2, Sampling(max_new_tokens=20))
    next(stream)
    assert policy.model.config._attn_implementation == "sdpa"
    stream.close()
    assert torch.isfinite(policy.model(input_ids=torch.tensor([[1, 5]])).logits).all()


def test_responses_end_with_the_models_positions():
    """128 positions: a prompt of 101 tokens leaves 27."""
    engine = Engine(tiny_policy(stop_ids=()))
    sample = flat(engine.generate([tiny_prompt(0, 100)], 1, Sampling(max_new_tokens=50)))[0]
    assert (sample.length_tokens, sample.stop) == (27, Stop.LENGTH)
    assert "128 positions" in engine.notes[0]


def test_a_prompt_that_is_too_long_is_an_error():
    with pytest.raises(ModelError, match="problem 'p0' has 129 tokens but the model only 128 positions"):
        Engine(tiny_policy()).generate([tiny_prompt(0, 128)], 1, Sampling(max_new_tokens=1))


def test_diverged_weights_are_an_error_and_leave_no_trace():
    """After NaN weights are repaired, what they wrote must not be read again."""
    policy = tiny_policy()
    engine, sampling = Engine(policy), Sampling(max_new_tokens=10)
    good = flat(engine.generate(PROMPTS, 1, sampling))
    norm = policy.model.model.layers[0].input_layernorm.weight.data
    kept = norm.clone()
    norm.fill_(torch.nan)
    with pytest.raises(ModelError, match="llama@v0: its logits are not finite"):
        engine.generate([tiny_prompt(index, 30) for index in range(7)], 1, sampling)
    norm.copy_(kept)
    again = flat(engine.generate(PROMPTS, 1, sampling))
    assert [s.logprobs.tobytes() for s in again] == [s.logprobs.tobytes() for s in good]


def test_two_streams_do_not_disturb_each_other():
    """Steps of two calls in turn, on one engine."""
    engine, sampling = Engine(tiny_policy(), slots=6), Sampling(max_new_tokens=20)
    alone = {(i, s.member): s.logprobs.tobytes() for i, s in engine.stream(PROMPTS, 2, sampling)}
    mixed = {}
    for first, second in zip(engine.stream(PROMPTS, 2, sampling), engine.stream(PROMPTS, 2, sampling), strict=True):
        mixed |= {(i, s.member): s.logprobs.tobytes() for i, s in (first, second)}
    assert mixed == alone


def test_little_memory_means_fewer_slots():
    """A sample of 96 tokens takes 3 blocks of 2 layers x 2 heads x 32 tokens x (8 + 8) numbers: 24,576 bytes."""
    prompts, sampling = [tiny_prompt(index, 30) for index in range(6)], Sampling(max_new_tokens=65)
    engine = Engine(tiny_policy(), kv_bytes=2 * 24576)
    small = flat(engine.generate(prompts, 2, sampling))
    assert len(engine._pool) == 2 * 3 + 1
    large = flat(Engine(tiny_policy()).generate(prompts, 2, sampling))
    assert [s.logprobs.tobytes() for s in small] == [s.logprobs.tobytes() for s in large]
    with pytest.raises(ModelError, match="do not fit"):
        Engine(tiny_policy(), kv_bytes=24575).generate(prompts, 2, sampling)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"temperature": -1.0}, "temperature must be 0 or more, got -1.0"),
        ({"top_p": 0.0}, "top_p must be above 0 and at most 1, got 0.0"),
        ({"top_k": -1}, "top_k"),
        ({"max_new_tokens": 0}, "max_new_tokens must be 1 or more, got 0"),
        ({"stop": ("",)}, "stop must be strings that are not empty"),
    ],
)
def test_impossible_sampling_is_an_error(wrong, said):
    with pytest.raises(RecipeError, match=said):
        Engine(tiny_policy()).generate(PROMPTS, 1, Sampling(**wrong))


def test_nothing_asked_for_gives_nothing():
    assert Engine(tiny_policy()).generate([], 4, Sampling()) == []


def test_the_template_is_used():
    policy = tiny_policy()
    policy.tokenizer = make_tokenizer(chat="<user> {{ messages[0]['content'] }} <assistant>")
    prompt = Prompt(task="t", problem="p", gold=None, split="test", text="w7")
    chat = flat(Engine(policy).generate([prompt], 1, Sampling(max_new_tokens=1), template="chat"))[0]
    assert chat.token_ids[~chat.mask].tolist() == [3, 7, 4]
