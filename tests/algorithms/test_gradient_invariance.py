"""The gradient of every algorithm under every aggregation, however an update is split, ordered, padded or packed."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from assay.algorithms import ALGORITHMS, aggregate
from assay.algorithms.gspo import Gspo
from assay.batch import collate
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.policies.critic import Critic
from assay.policies.load import make_policy
from assay.policies.stats import Wanted, token_stats
from assay.registry import resolve
from assay.training import judging
from assay.types import Group, Prompt, Sample, Sampling, Step, Stop

AGGREGATIONS = ("token", "sequence", "sum", "constant")
MAX_TOKENS = 12
ROUNDING = {torch.float64: 0.0, torch.float32: 1e-6}
OPTIONS = {"clip-cov": {"cov_low": 0.01, "fraction": 0.2}, "kl-cov": {"fraction": 0.2}}
"""So that several tokens are chosen, at random and by rank."""
CASES = [
    (name, aggregation)
    for name, target in ALGORITHMS.items()
    for aggregation in AGGREGATIONS
    if aggregation == "sequence" or resolve(target) is not Gspo
]


def make(dtype, seed=0):
    model = make_model(Shape(hidden=16, layers=1, heads=2, mlp=16, max_positions=64), seed=seed).to(dtype)
    return make_policy(model, make_tokenizer(64), "tiny", "0")


@pytest.fixture(scope="module")
def models():
    return {
        dtype: (policy := make(dtype), make(dtype, seed=1), Critic(policy, separate=True).to(dtype))
        for dtype in (torch.float64, torch.float32)
    }


def rows(algorithm):
    """Two groups of five with right and wrong, ended and truncated responses, and two steps each."""
    rng = np.random.default_rng(3)
    groups = []
    for number in range(2):
        given, found = rng.integers(3, 200, int(rng.integers(1, 5))), []
        prompt = len(given)
        for member in range(5):
            length = prompt + int(rng.integers(2, MAX_TOKENS))
            ids = np.concatenate([given, rng.integers(3, 200, length - prompt)]).astype(np.int32)
            steps = (Step(length - 1, float(member % 2)), Step(length, float(member < 1)))
            found.append(
                Sample(
                    number, member, ids, np.arange(length) >= prompt, rng.normal(-5, 0.2, length).astype(np.float32),
                    Sampling(), "0", Stop.LENGTH if member == 4 else Stop.EOS, "", {}, float(member < 1), steps=steps,
                )
            )  # fmt: skip
        groups.append(Group(Prompt("t", f"p{number}", None, "train", text="x"), tuple(found)))
    groups = judging.advantage(judging.shape(groups, algorithm, MAX_TOKENS), algorithm)
    return judging.trained_on(groups, "keep")


def batch_of(algorithm, dtype):
    """With old and reference log-probabilities and values that are noise around the behaviour's."""
    batch = collate(rows(algorithm))
    generator = torch.Generator().manual_seed(0)

    def noise(scale):
        drawn = torch.randn(batch.mask_BT.shape, generator=generator, dtype=torch.float64)
        return (drawn * scale * batch.mask_BT).to(dtype)

    behaviour = batch.behaviour_BT.to(dtype)
    return replace(
        batch, advantages_BT=batch.advantages_BT.to(dtype), behaviour_BT=behaviour, kl_coef=algorithm.kl_coef,
        old_BT=behaviour + noise(0.3), reference_BT=behaviour + noise(0.3), values_BT=noise(1.0),
        teacher_BT=behaviour - 0.3,
        last_value_B=torch.linspace(0, 1, len(batch), dtype=dtype),
    )  # fmt: skip


def widened(batch):
    """Seven more columns of padding."""
    wide = {
        each.name: torch.nn.functional.pad(value, (0, 7))
        for each in fields(batch)
        if isinstance(value := getattr(batch, each.name), torch.Tensor) and value.dim() == 2
    }
    return replace(batch, **wide)


def gradient(models, batch, algorithm, budget=10_000, layout="padded"):
    policy, reference, critic = models
    policy.model.zero_grad(set_to_none=True)
    critic.zero_grad(set_to_none=True)
    update = algorithm.before_update(algorithm.token_advantages(batch))
    norm = aggregate.denominator(algorithm.aggregation, update, MAX_TOKENS)
    exact = reference if algorithm.kl_estimator == "exact" or algorithm.teacher_beta is not None else None
    beta = 1.0 if algorithm.teacher_beta is None else algorithm.teacher_beta
    wanted = Wanted("gradient", exact, critic if algorithm.critic_options else None, layout, beta)
    for part in update.rows_by_token_budget(budget, layout == "shared prompts"):
        micro = update.select(part)
        term = algorithm.loss(token_stats(policy, micro, 0.7, wanted), micro)
        aggregate.reduce(algorithm.aggregation, term.value_BT, micro, norm).backward()
    weights = [*policy.model.parameters(), *critic.parameters()]
    return torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None])


def largest_difference(models, algorithm, dtype):
    batch = batch_of(algorithm, dtype)
    whole = gradient(models, batch, algorithm)
    order = np.random.default_rng(1).permutation(len(batch)).tolist()
    others = [
        gradient(models, batch, algorithm, budget=1),
        gradient(models, batch.select(order), algorithm, budget=40),
        gradient(models, widened(batch), algorithm),
        gradient(models, batch, algorithm, budget=40, layout="packed"),
    ]
    assert whole.abs().max() > 1e-3, "there is something to learn"
    shared = gradient(models, batch, algorithm, budget=60, layout="shared prompts")
    # transformers' norms round to float32: here after a prompt's gradients are summed over its rows, else before
    assert float((shared - whole).abs().max()) < 1e-6 * float(whole.abs().max()) + ROUNDING[dtype]
    return max(float((other - whole).abs().max()) for other in others)


@pytest.mark.parametrize(("name", "aggregation"), CASES)
def test_split_order_padding_and_packing_change_nothing(models, name, aggregation):
    algorithm = resolve(ALGORITHMS[name])(aggregation=aggregation, **OPTIONS.get(name, {}))
    difference = largest_difference(models[torch.float64], algorithm, torch.float64)
    assert difference < 1e-12, f"{name}, {aggregation}: {difference:.1e}"


@pytest.mark.parametrize("estimator", ["k2", "k3", "k3+", "exact"])
def test_nor_with_kl_and_entropy_in_the_loss(models, estimator):
    options = {"kl_coef": 0.1, "kl_estimator": estimator, "entropy_coef": 0.01}
    algorithm = resolve(ALGORITHMS["dapo"])(**options)
    assert largest_difference(models[torch.float64], algorithm, torch.float64) < 1e-12


@pytest.mark.parametrize("name", ["rloo", "reinforce++", "ppo"])
def test_nor_with_kl_in_the_reward(models, name):
    algorithm = resolve(ALGORITHMS[name])(kl_coef=0.1, kl_in="reward", kl_estimator="k1")
    assert largest_difference(models[torch.float64], algorithm, torch.float64) < 1e-12


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_nor_with_a_teacher_over_the_vocabulary(models, beta):
    algorithm = resolve(ALGORITHMS["distillation"])(form="vocabulary", beta=beta, aggregation="sum")
    assert largest_difference(models[torch.float64], algorithm, torch.float64) < 1e-12


@pytest.mark.parametrize("name", ALGORITHMS)
def test_in_float32_only_rounding_differs(models, name):
    """docs/algorithms.md states the bound."""
    difference = largest_difference(
        models[torch.float32], resolve(ALGORITHMS[name])(**OPTIONS.get(name, {})), torch.float32
    )
    assert difference < 1e-6, f"{name}: {difference:.1e}"
