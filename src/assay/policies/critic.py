"""The critic of PPO: the value of a state, from the policy's own states or from a copy of the model.

Legend: B rows, T tokens, N chosen tokens, D width.
"""

import copy
from typing import Any

from torch import Tensor, nn

from assay.batch import Batch
from assay.policies.load import Policy


class Critic(nn.Module):
    """V(s) = w . state + b, from 0 at the start. `separate` gives it a copy of the policy's model for its states.

    Without one it reads the policy's states, and its loss changes the policy's weights too.
    """

    def __init__(self, policy: Policy, separate: bool) -> None:
        super().__init__()
        self.trunk: Any = copy.deepcopy(policy.model.base_model) if separate else None
        self.head = nn.Linear(policy.config.hidden_size, 1, device=policy.device)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, batch: Batch, states_BTD: Tensor) -> tuple[Tensor, Tensor]:
        """Values [B, T] of the state before each chosen token, 0 elsewhere; and [B] of the state after the last one.

        `states_BTD` are the policy's, used where the critic has no model of its own.
        """
        if self.trunk is not None:
            states_BTD = self.trunk(input_ids=batch.token_ids_BT, use_cache=False).last_hidden_state
        values_BT = self.head(states_BTD.to(self.head.weight.dtype)).squeeze(-1)
        before_N = values_BT.flatten().index_select(0, batch.predicting_index_N)
        last_B = values_BT.gather(1, batch.lengths_B[:, None] - 1).squeeze(1)
        return batch.scatter(before_N), last_B
