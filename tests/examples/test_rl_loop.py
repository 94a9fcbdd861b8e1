"""The readable loop runs, and is GRPO: its gradients and its updates are the package's."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from assay.algorithms import aggregate
from assay.algorithms.grpo import Grpo
from assay.batch import collate
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.policies.load import Policy, make_policy
from assay.policies.stats import token_stats
from assay.recipe import ModelTable, OptimizerTable, Recipe, RolloutTable, derive_seed
from assay.training import learner as learner_module
from assay.training.learner import Learner
from assay.types import Group, Prompt, Sample, Sampling, Stop, right, unknown, wrong

EXAMPLE = Path(__file__).parents[2] / "examples" / "rl_loop.py"
GROUP, TEMPERATURE = 6, 0.7


@pytest.fixture(scope="module")
def example():
    specification = importlib.util.spec_from_file_location("rl_loop", EXAMPLE)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def tiny(seed: int) -> Policy:
    model = make_model(Shape(hidden=16, layers=2, heads=2, mlp=24, max_positions=64), seed)
    return make_policy(model, make_tokenizer(64), "tiny", "0")


def sampled(algorithm: Grpo) -> list[Sample]:
    """Three groups, one with equal rewards, of 1 to 19 random tokens, with rewards and the package's advantages."""
    rng = np.random.default_rng(0)
    found: list[Sample] = []
    for group in range(3):
        samples = []
        prompt = int(rng.integers(1, 9))
        for member in range(GROUP):
            length = prompt + int(rng.integers(1, 20))
            ids = rng.integers(3, 200, length).astype(np.int32)
            reward = 1.0 if group == 2 else float(rng.random() < 0.5)
            samples.append(
                Sample(
                    *(group, member, ids, np.arange(length) >= prompt, np.zeros(length, np.float32), Sampling()),
                    *("0", Stop.EOS, ""),
                    shaped_reward=reward,
                )
            )
        advantages = algorithm.group_advantages(samples)
        found += [replace(each, advantage=value) for each, value in zip(samples, advantages, strict=True)]
    return found


def advantages_of(example, samples: list[Sample]) -> torch.Tensor:
    """The example's own, from the rewards."""
    rewards_B = torch.tensor([sample.shaped_reward for sample in samples])
    return torch.cat([example.group_advantages(rewards_G) for rewards_G in rewards_B.split(GROUP)])


def weights(policy: Policy) -> torch.Tensor:
    return torch.cat([weight.detach().flatten() for weight in policy.model.parameters()])


def gradient(policy: Policy, loss: torch.Tensor) -> torch.Tensor:
    policy.model.zero_grad(set_to_none=True)
    loss.backward()
    return torch.cat([weight.grad.flatten() for weight in policy.model.parameters()])


def test_two_steps_run(example, capsys: pytest.CaptureFixture[str]) -> None:
    options = example.Options(steps=2, prompts=2, group=4, test_prompts=4)
    before, rewards, after = example.train(options)
    assert all(0 <= value <= 1 for value in (before, *rewards, after)) and len(rewards) == 2
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and lines[1] == f"step  0  reward {rewards[0]:.3f}"


def test_the_command_line(example, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(example, "train", asked.append)
    example.main(["--steps", "2", "--task", "compose:edge"])
    assert asked == [example.Options(steps=2, task="compose:edge")]


def test_what_cannot_be_judged_is_no_reward(example) -> None:
    """An unknown verdict leaves the group with its response; it is not worth 0."""
    samples = sampled(Grpo())[:3]
    scores = iter([right("j"), unknown("j", "crash"), wrong("j", "no answer")])
    prompt = Prompt("compose", "p", None, "train", text="p")
    engine = SimpleNamespace(generate=lambda prompts, members, sampling: [Group(prompt, tuple(samples))])
    task = SimpleNamespace(max_new_tokens=8, verify=lambda prompt, response: next(scores))
    [(judged, rewards_G)] = example.sample_groups(engine, task, [prompt], 3, example.Options(), seed=0)
    assert judged == [samples[0], samples[2]] and rewards_G.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("kl_coef", [0.0, 0.1])
def test_the_gradient_is_the_packages(example, kl_coef: float) -> None:
    """Off-policy, with old log-probabilities 0.3 nats away, so that ratios leave the bounds on both sides."""
    algorithm = Grpo(updates=2, kl_coef=kl_coef)
    samples, policy = sampled(algorithm), tiny(0)
    batch = collate(samples)
    with torch.no_grad():
        now_BT = token_stats(policy, batch, TEMPERATURE).logprobs_BT
        reference_BT = token_stats(tiny(1), batch, TEMPERATURE).logprobs_BT
    old_BT = (now_BT + 0.3 * torch.randn(now_BT.shape, generator=torch.Generator().manual_seed(0))) * batch.mask_BT
    batch = replace(batch, old_BT=old_BT, reference_BT=reference_BT, kl_coef=kl_coef)

    term = algorithm.loss(token_stats(policy, batch, TEMPERATURE), batch)
    for side in ("low", "high"):
        assert term.diagnostics_BT[f"clip_ratio/{side}_mean"].sum() >= 5
    norm = aggregate.denominator("sequence", batch, max_tokens=20)
    expected = gradient(policy, aggregate.reduce("sequence", term.value_BT, batch, norm))

    logprobs_BT = example.token_logprobs(policy.model, batch.token_ids_BT, batch.mask_BT, TEMPERATURE)
    options = example.Options(kl_coef=kl_coef)
    loss = example.grpo_loss(logprobs_BT, old_BT, reference_BT, advantages_of(example, samples), batch.mask_BT, options)
    assert expected.norm() > 0.01
    assert (gradient(policy, loss) - expected).norm() < 1e-5 * expected.norm()


def test_the_updates_are_the_packages(example, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the same weights and samples: log-probabilities before, two updates, gradient clipping and Adam.

    The package deals the samples in random order, so the example gets them in that order.
    """
    algorithm = Grpo(updates=2, kl_coef=0.1)
    samples, expected, ours = sampled(algorithm), tiny(0), tiny(0)
    start, learning_rate = weights(ours), 1e-2
    monkeypatch.setattr(learner_module, "load_reference", lambda *_, **__: tiny(1))
    recipe = Recipe(
        name="equal",
        steps=1,
        model=ModelTable(base="tiny"),
        task={"name": "compose"},
        rollout=RolloutTable(temperature=TEMPERATURE),
        optimizer=OptimizerTable(learning_rate=learning_rate, max_grad_norm=0.5),
    )
    learner = Learner(recipe, algorithm, expected)
    learner.update(learner.fix(collate(samples), 0), 0)

    options = example.Options(temperature=TEMPERATURE, kl_coef=0.1, max_grad_norm=0.5)
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(derive_seed(0, "minibatches", 0)))
    optimizer = torch.optim.Adam(ours.model.parameters(), lr=learning_rate)
    dealt, advantages_B = [samples[row] for row in order.tolist()], advantages_of(example, samples)[order]
    example.update(ours.model, tiny(1).model, optimizer, dealt, advantages_B, options)
    moved = (weights(expected) - start).norm()
    assert moved > 1
    assert (weights(ours) - weights(expected)).norm() < 1e-5 * moved
