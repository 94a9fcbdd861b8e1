"""The critic reads the state before each chosen token, and the one after the last."""

import numpy as np
import pytest
import torch

from assay.batch import collate
from assay.organisms.grow import Shape, make_model, make_tokenizer
from assay.policies.critic import Critic
from assay.policies.load import make_policy
from assay.types import Sample, Sampling, Stop


@pytest.fixture
def policy():
    model = make_model(Shape(hidden=16, layers=1, heads=2, mlp=16, max_positions=64), seed=0)
    return make_policy(model, make_tokenizer(64), "tiny", "0")


def batch():
    """A prompt of 2 and a response of 3; a prompt of 1 and a response of 1, padded."""
    rows = [([5, 6, 7, 8, 9], 2), ([5, 7], 1)]
    return collate(
        [
            Sample(0, m, np.array(ids), np.arange(len(ids)) >= n, np.zeros(len(ids), np.float32), Sampling(), "0",
                   Stop.EOS, "", advantage=0.0)
            for m, (ids, n) in enumerate(rows)
        ]
    )  # fmt: skip


@pytest.mark.parametrize("separate", [False, True])
def test_values_are_of_the_states_before_and_after(policy, separate):
    critic = Critic(policy, separate)
    torch.nn.init.normal_(critic.head.weight)
    values_BT, last_B = critic(batch(), policy.states(batch().token_ids_BT))
    with torch.no_grad():
        for row, (ids, first) in enumerate([([5, 6, 7, 8, 9], 2), ([5, 7], 1)]):
            alone_T = critic.head(policy.states(torch.tensor([ids]))[0]).squeeze(-1)
            assert values_BT[row, first : len(ids)].tolist() == pytest.approx(
                alone_T[first - 1 : -1].tolist(), abs=1e-6
            )
            assert float(last_B[row]) == pytest.approx(float(alone_T[-1]), abs=1e-6)
            assert not values_BT[row, :first].any() and not values_BT[row, len(ids) :].any()


def test_it_begins_at_zero_and_only_a_head_teaches_the_policy(policy):
    for separate, teaches in ((False, True), (True, False)):
        critic = Critic(policy, separate)
        values_BT, last_B = critic(batch(), policy.states(batch().token_ids_BT))
        assert not values_BT.any() and not last_B.any()
        torch.nn.init.normal_(critic.head.weight)
        policy.model.zero_grad(set_to_none=True)
        critic(batch(), policy.states(batch().token_ids_BT))[0].sum().backward()
        assert any(weight.grad is not None for weight in policy.model.parameters()) is teaches
        assert all(weight.grad is not None for weight in critic.head.parameters())
