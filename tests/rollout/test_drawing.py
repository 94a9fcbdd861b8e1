import math

import pytest
import torch

from assay.rollout.drawing import draw, log_distribution
from assay.types import Sampling

LOGITS = torch.tensor([[math.log(p) for p in (0.1, 0.4, 0.2, 0.3)]])


def probabilities(**sampling):
    return log_distribution(LOGITS, Sampling(**sampling)).exp()[0].tolist()


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ({}, [0.1, 0.4, 0.2, 0.3]),
        # p^2 normalised: .01 .16 .04 .09 of .30
        ({"temperature": 0.5}, [1 / 30, 16 / 30, 4 / 30, 9 / 30]),
        ({"top_k": 2}, [0, 4 / 7, 0, 3 / 7]),
        # .4 < .65, .4 + .3 >= .65: two tokens; .4 + .3 < .75: three
        ({"top_p": 0.65}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_p": 0.75}, [0, 4 / 9, 2 / 9, 3 / 9]),
        # top_p counts within the top_k: .4 / .7 = .571 < .6, so both stay; >= .55, so one does
        ({"top_k": 2, "top_p": 0.6}, [0, 4 / 7, 0, 3 / 7]),
        ({"top_k": 2, "top_p": 0.55}, [0, 1, 0, 0]),
        ({"top_p": 1e-9}, [0, 1, 0, 0]),
        ({"top_k": 9}, [0.1, 0.4, 0.2, 0.3]),
        ({"temperature": 0}, [0, 1, 0, 0]),
    ],
)
def test_distribution(sampling, expected):
    assert probabilities(**sampling) == pytest.approx(expected, abs=1e-6)


def test_ties_go_to_the_lower_id():
    tied = torch.zeros(1, 5)
    assert log_distribution(tied, Sampling(top_k=2)).exp()[0].tolist() == pytest.approx([0.5, 0.5, 0, 0, 0])
    assert log_distribution(tied, Sampling(temperature=0)).exp()[0].tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(("uniform", "token"), [(0.001, 0), (0.099, 0), (0.101, 1), (0.499, 1), (0.501, 2), (0.999, 3)])
def test_inverse_cdf(uniform, token):
    """Cumulative .1 .5 .7 1: u just below and above each step."""
    tokens, logprobs = draw(LOGITS, torch.tensor([uniform], dtype=torch.float64), Sampling())
    assert tokens.tolist() == [token]
    assert logprobs.tolist() == pytest.approx([LOGITS[0, token].item()], abs=1e-6)


def test_a_number_on_a_step_takes_the_next_token():
    """Token 0 covers [0, .5), so .5 is token 1's; two equal logits make the step exact."""
    assert draw(torch.zeros(1, 2), torch.tensor([0.5], dtype=torch.float64), Sampling())[0].tolist() == [1]


def test_the_logprob_is_that_of_the_truncated_distribution():
    tokens, logprobs = draw(LOGITS, torch.tensor([0.9], dtype=torch.float64), Sampling(top_k=2))
    assert (tokens.tolist(), logprobs.tolist()) == ([3], pytest.approx([math.log(3 / 7)], abs=1e-6))


def test_impossible_tokens_are_never_drawn():
    """The largest and smallest random numbers there are, with three likely tokens among 1,000 impossible ones."""
    logits = torch.full((2, 1000), -torch.inf)
    logits[:, 400:403] = torch.tensor([0.1, 3.3, -2.7])
    edges = torch.tensor([0.5 / 2**48, 1 - 0.5 / 2**48], dtype=torch.float64)
    for sampling in (Sampling(), Sampling(top_p=0.99999), Sampling(top_k=3, temperature=1.7)):
        tokens, logprobs = draw(logits, edges, sampling)
        assert tokens.tolist() == [400, 402]
        assert torch.isfinite(logprobs).all()


def test_frequencies():
    """100,000 draws: each share within 4 standard errors (.0062 at most) of its probability."""
    uniforms = torch.rand(100_000, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    tokens, _ = draw(LOGITS.expand(100_000, -1), uniforms, Sampling())
    shares = (torch.bincount(tokens, minlength=4) / 100_000).tolist()
    assert shares == pytest.approx([0.1, 0.4, 0.2, 0.3], abs=0.0062)


def test_low_precision_logits_are_drawn_from_in_float32():
    assert log_distribution(LOGITS.bfloat16(), Sampling()).dtype == torch.float32
