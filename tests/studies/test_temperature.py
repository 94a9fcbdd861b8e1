"""The search for the temperature at which a model is as random as its base."""

import json
import math

import polars as pl
import pytest

from assay.rollout.engine import Engine
from assay.studies.temperature import TRIES, entropy_in, entropy_of, match
from assay.types import Sampling
from tiny_models import tiny_policy, tiny_prompt


def test_a_known_temperature_is_found_to_a_percent():
    """With entropy T^2 the target 1.69 is at T = 1.3; after 1 and 2 each try halves the logarithm of the bracket."""
    found = match(lambda temperature: temperature**2, 1.69)
    assert found.reached and found.temperature == pytest.approx(1.3, rel=0.01)
    assert found.entropy == pytest.approx(found.temperature**2) and found.target == 1.69
    assert [pair[0] for pair in found.trail[:4]] == [1.0, 2.0, 1.4142, 1.1892]
    assert len(found.trail) <= TRIES


def test_a_lower_temperature_is_found_too():
    assert match(lambda temperature: temperature, 0.6).temperature == pytest.approx(0.6, rel=0.01)


def test_where_nothing_was_lost_one_look_is_enough():
    assert match(lambda temperature: temperature, 1.0).trail == ((1.0, 1.0),)


@pytest.mark.parametrize(("target", "bound"), [(3.0, 2.0), (0.1, 0.5)])
def test_beyond_the_bounds_it_is_the_bound_and_says_so(target, bound, tmp_path):
    found = match(lambda temperature: temperature, target)
    assert (found.temperature, found.entropy, found.reached) == (bound, bound, False)
    found.write(tmp_path / "found.json")
    said = json.loads((tmp_path / "found.json").read_text())
    assert said["reached"] is False and said["trail"] == [[1.0, 1.0], [bound, bound]]


def test_entropy_of_samples_is_that_of_the_distribution_they_come_from():
    """At a temperature so high that all 61 tokens are alike, it is ln 61 a token; at one near 0 it is nearly 0."""
    engine, prompts = Engine(tiny_policy()), [tiny_prompt(index, 3) for index in range(4)]
    hot = entropy_of(engine, prompts, Sampling(temperature=1e6, max_new_tokens=8), "plain")
    cold = entropy_of(engine, prompts, Sampling(temperature=0.01, max_new_tokens=8), "plain")
    assert hot == pytest.approx(math.log(61), abs=1e-3) and cold < 0.1


def test_entropy_of_a_file_counts_tokens_of_the_asked_problems(tmp_path):
    """(2 + 4) nats / (4 + 8) tokens; the third problem is not asked for."""
    frame = pl.DataFrame({"problem": ["p0", "p1", "p2"], "logprob": [-2.0, -4.0, -9.0], "length_tokens": [4, 8, 1]})
    frame.write_parquet(tmp_path / "base.parquet")
    assert entropy_in(tmp_path / "base.parquet", [tiny_prompt(0, 1), tiny_prompt(1, 1)]) == 0.5
