"""A policy so small that every expectation over its samples is a finite sum, in float64.

Tokens are 0, 1 and 2, and 0 ends a response of at most two: seven sequences. The policy is a table of logits
[state, token]; the state is the token before, and the prompt is a lone 0, so the state at the start is 0.

`expected_gradient` runs an algorithm's own code on every group of samples that can be drawn; `gradient_of` and
`enumerated` are what it is compared with and know nothing of that code.

Legend: Y the seven sequences, S the two tokens of a response at most, G samples of a group.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import torch
from torch import Tensor

from assay.algorithms import aggregate
from assay.algorithms.base import Algorithm
from assay.batch import Batch, TokenStats
from assay.types import Sample, Sampling, Step, Stop

SEQUENCES = [(0,), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
LENGTHS_Y = torch.tensor([len(tokens) for tokens in SEQUENCES])
PRESENT_YS = torch.arange(2) < LENGTHS_Y[:, None]
MAX_TOKENS = 5

LOGITS = torch.tensor([[0.3, -0.2, 0.5], [0.1, 0.9, -0.4], [-0.6, 0.2, 0.7]], dtype=torch.float64)
REFERENCE_LOGITS = torch.tensor([[-0.5, 0.4, 0.1], [0.8, -0.3, 0.2], [0.3, 0.6, -0.9]], dtype=torch.float64)

REWARDS_Y = [0.5, 0.0, 2.0, -1.0, 1.0, 0.5, -0.25]
RIGHT_Y = [0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0]

Coefficients = Callable[[tuple[int, ...]], np.ndarray]


def chances(pi: Tensor) -> Tensor:
    """Probability of each sequence [Y] under a table of probabilities."""
    return torch.stack([math.prod(pi[s, a] for s, a in _moves(tokens)) for tokens in SEQUENCES])


def gradient_of(objective: Callable[[Tensor], Tensor], logits: Tensor = LOGITS) -> Tensor:
    """Gradient, with respect to the logits, of a function of the table of probabilities."""
    logits = logits.clone().requires_grad_()
    objective(torch.softmax(logits, -1)).backward()
    assert logits.grad is not None
    return logits.grad


def expected_reward_gradient(rewards_Y: Sequence[float]) -> Tensor:
    """Gradient of J = sum_y pi(y) R(y)."""
    return gradient_of(lambda pi: chances(pi) @ torch.tensor(rewards_Y, dtype=torch.float64))


def exact_values(rewards_Y: Sequence[float]) -> Tensor:
    """E[R | state] of each state."""
    pi, worth = torch.softmax(LOGITS, -1), dict(zip(SEQUENCES, rewards_Y, strict=True))
    after = [sum(float(pi[a, b]) * worth[a, b] for b in range(3)) for a in (1, 2)]
    start = float(pi[0, 0]) * worth[(0,)] + float(pi[0, 1]) * after[0] + float(pi[0, 2]) * after[1]
    return torch.tensor([start, *after], dtype=torch.float64)


def exact_steps(rewards_Y: Sequence[float]) -> list[list[float]]:
    """What each token of each sequence leads to: the exact value of the state after it, at last the reward."""
    values = exact_values(rewards_Y).tolist()
    return [
        [*(values[token] for token in tokens[:-1]), reward] for tokens, reward in zip(SEQUENCES, rewards_Y, strict=True)
    ]


def token_scores(logits: Tensor = LOGITS) -> Tensor:
    """Gradient of each token's log-probability, [Y, S, state, token]: onehot - pi in the row of its state."""
    pi = torch.softmax(logits, -1)
    scores = torch.zeros(len(SEQUENCES), 2, 3, 3, dtype=torch.float64)
    for y, tokens in enumerate(SEQUENCES):
        for place, (state, token) in enumerate(_moves(tokens)):
            scores[y, place, state] = -pi[state]
            scores[y, place, state, token] += 1
    return scores


def weighted_scores(coefficients_YS: Tensor) -> Tensor:
    """The sum of all tokens' scores, each times its coefficient."""
    return torch.einsum("ys,ysij->ij", coefficients_YS.double(), token_scores())


def enumerated(coefficients: Coefficients, size: int) -> Tensor:
    """Sum over groups of their chance times sum_it c_it score(y_i, t); `coefficients` are [G] or [G, S] of a group."""
    chances_Y = chances(torch.softmax(LOGITS, -1)).numpy()
    total_YS = np.zeros((len(SEQUENCES), 2))
    for group in product(range(len(SEQUENCES)), repeat=size):
        c = np.asarray(coefficients(group), dtype=float)
        np.add.at(total_YS, list(group), chances_Y[list(group)].prod() * (c if c.ndim == 2 else c[:, None]))
    return weighted_scores(torch.from_numpy(total_YS))


def logprobs_of(logits: Tensor, batch: Batch) -> Tensor:
    """Log-probability of each chosen token, [B, T], with its gradient."""
    table = torch.log_softmax(logits, -1)
    chosen_BT = table[batch.token_ids_BT[:, :-1], batch.token_ids_BT[:, 1:]]
    return torch.nn.functional.pad(chosen_BT, (1, 0)) * batch.mask_BT


def by_state(values: Tensor, batch: Batch) -> Tensor:
    """[B, T] with the value of the state before each chosen token, from a value for each state."""
    return torch.nn.functional.pad(values[batch.token_ids_BT[:, :-1]], (1, 0)) * batch.mask_BT


def stats_of(logits: Tensor, batch: Batch) -> TokenStats:
    """What the policy says of a batch; the critic says what it said before the updates."""
    ours, theirs = torch.log_softmax(logits, -1), torch.log_softmax(REFERENCE_LOGITS, -1)
    return TokenStats(
        logprobs_BT=logprobs_of(logits, batch),
        entropy_BT=by_state(-(ours.exp() * ours).sum(-1), batch),
        divergence_BT=by_state((ours.exp() * (ours - theirs)).sum(-1), batch),
        values_BT=batch.values_BT,
    )


def all_sequences(old_logits: Tensor | None = LOGITS, steps_YS: Sequence[Sequence[float]] | None = None) -> Batch:
    """The seven sequences as a batch, with reference but without advantages; `steps_YS` values each token as a step."""
    ids = torch.tensor([(0, *tokens, *(0,) * (2 - len(tokens))) for tokens in SEQUENCES])
    mask_BT = torch.nn.functional.pad(PRESENT_YS, (1, 0))
    zeros_BT = torch.zeros(ids.shape, dtype=torch.float64)
    batch = Batch(ids, mask_BT, LENGTHS_Y + 1, zeros_BT, zeros_BT, ())
    behaviour_BT = logprobs_of(LOGITS if old_logits is None else old_logits, batch)
    samples = tuple(
        Sample(
            group=0,
            member=y,
            token_ids=np.array((0, *tokens), dtype=np.int32),
            mask=np.array((False, *(True for _ in tokens))),
            logprobs=behaviour_BT[y, : 1 + len(tokens)].float().numpy(),
            sampling=Sampling(),
            policy="",
            stop=Stop.EOS,
            text="",
            steps=tuple(Step(2 + place, steps_YS[y][place]) for place in range(len(tokens))) if steps_YS else (),
        )
        for y, tokens in enumerate(SEQUENCES)
    )
    return replace(
        batch,
        samples=samples,
        behaviour_BT=behaviour_BT,
        old_BT=None if old_logits is None else behaviour_BT,
        reference_BT=logprobs_of(REFERENCE_LOGITS, batch),
    )


def drawn(algorithm: Algorithm, whole: Batch, group: Sequence[int], rewards_Y: Sequence[float]) -> Batch:
    """The rows of a group with its rewards and the advantages that the algorithm gives it."""
    samples = [replace(whole.samples[y], member=i, shaped_reward=rewards_Y[y]) for i, y in enumerate(group)]
    values = algorithm.advantages([samples])[0]
    by_step = algorithm.step_advantages(samples) or [
        (value,) * len(SEQUENCES[y]) for value, y in zip(values, group, strict=True)
    ]
    batch = whole.select(group)
    advantages_BT = batch.advantages_BT.clone()
    advantages_BT[batch.mask_BT] = torch.tensor([a for steps in by_step for a in steps], dtype=torch.float64)
    samples = [replace(sample, advantage=value) for sample, value in zip(samples, values, strict=True)]
    return replace(batch, samples=tuple(samples), advantages_BT=advantages_BT)


def reduced_loss(algorithm: Algorithm, batch: Batch, logits: Tensor) -> Tensor:
    """The loss of one update on these rows, as the learner makes it."""
    batch = algorithm.before_update(batch)
    norm = aggregate.denominator(algorithm.aggregation, batch, MAX_TOKENS)
    value_BT = algorithm.loss(stats_of(logits, batch), batch).value_BT
    return aggregate.reduce(algorithm.aggregation, value_BT, batch, norm)


def expected_gradient(
    algorithm: Algorithm,
    rewards_Y: Sequence[float],
    size: int,
    whole: Batch | None = None,
    weight: Callable[[Sequence[int]], float] = lambda group: 1.0,
) -> Tensor:
    """Sum over all groups of `size` samples of their chance, held fixed, times the gradient of the group's loss.

    Where the algorithm does not ask for the old policy it gets none, as in training. `weight` multiplies a group.
    """
    whole = all_sequences(LOGITS if algorithm.needs_old else None) if whole is None else whole
    chances_Y = chances(torch.softmax(LOGITS, -1)).tolist()
    logits = LOGITS.clone().requires_grad_()
    losses = []
    for group in product(range(len(SEQUENCES)), repeat=size):
        batch = algorithm.token_advantages(drawn(algorithm, whole, group, rewards_Y))
        chance = math.prod(chances_Y[y] for y in group)
        losses.append(chance * weight(group) * reduced_loss(algorithm, batch, logits))
    torch.stack(losses).sum().backward()
    assert logits.grad is not None
    return logits.grad


def assert_same(found: Tensor, expected: Tensor) -> None:
    """Equal to rounding, and not because all is 0."""
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def _moves(tokens: Sequence[int]) -> list[tuple[int, int]]:
    return list(zip((0, *tokens[:-1]), tokens, strict=True))
