"""Three algorithms of different kinds learn in a few steps: clipped in a group, plain in a group, with a critic."""

import pytest

from assay.recipe import parse_recipe
from assay.store import Run
from assay.training import rl

RECIPE = """
name = "learning"
steps = 8
[model]
base = "organism:code-base"
[task]
name = "compose"
[rollout]
prompts = 8
group = 12
max_new_tokens = 64
[optimizer]
learning_rate = 3e-4
[evaluation]
every = 8
problems = 64
samples = 6
[checkpoint]
rollouts_every = 0
"""


@pytest.mark.parametrize(
    "options", ["name='grpo', updates=2", "name='ppo', updates=2, critic_learning_rate=1e-3", "name='rloo', updates=2"]
)
def test_it_learns(tmp_path, options):
    run = Run.create(tmp_path / "run", parse_recipe(RECIPE, "x", [f"algorithm={{{options}}}"]), "x", [])
    rl.train(run)
    first, *_, last = run.read_metrics()
    assert last["eval/low"] > first["eval/high"], f"{first['eval/pass@1']:.3f} -> {last['eval/pass@1']:.3f}"
