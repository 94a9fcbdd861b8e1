"""Each benchmark of speed at a size that measures nothing: it runs, and its rows have what the page shows."""

import importlib
from pathlib import Path

import pytest
from measured import read_rows

TOY = {
    "start": ("", 2),
    "audit_speed": ("--samples 400 --problems 10", 2),
    "logprobs": ("--tokens 64 --width 16 --vocabulary 1000", 2),
    "math_speed": ("--answers 60", 3),
    "rollouts": ("--prompts 3 --group 2 --max-new-tokens 4 --fixed-tokens 3 --ways assay dynamic static continuous", 3),
    "grpo_step": ("--prompts 4 --group 4 --max-new-tokens 4 --fixed-tokens 3 --micro-batches 4", 3),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TOY)
@pytest.mark.filterwarnings("ignore")  # transformers' and TRL's own
def test_it_runs(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    arguments, rows = TOY[name]
    if name == "math_speed":
        request.getfixturevalue("data")
    if name == "grpo_step":
        pytest.importorskip("trl", reason="needs TRL: pip install -c constraints.txt -e '.[bench]'")
    file = tmp_path / "rows.json"
    script = importlib.import_module(name)
    assert script.main([*arguments.split(), "--rounds", "2", "--threads", "1", "--rows", str(file)]) == 0
    found = read_rows(file)
    assert len(found) == rows
    assert all(each.met is not None and each.work for each in found)
    assert "unlisted" not in [each.unit for each in found] or found[-1].met


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_shape_is_sampled(tmp_path: Path) -> None:
    toy = "--shape tiny --prompts 2 --group 2 --prompt-tokens 5 --fixed-tokens 3 --ways assay dynamic --rounds 1"
    file = tmp_path / "rows.json"
    assert importlib.import_module("rollouts").main([*toy.split(), "--threads", "1", "--rows", str(file)]) == 0
    [row] = read_rows(file)
    assert row.name == "rollouts, tiny shape, fixed length, against transformers generate"
    assert "3.0 tokens each" in row.work


@pytest.mark.slow
def test_parts_of_the_demo_add_up_to_the_whole() -> None:
    profile = importlib.import_module("demo_profile")
    sizes = ["steps=2", "rollout.prompts=2", "audit.problems=4", "audit.n=4", "evaluation.every=0"]
    found = profile.demo(profile.ROOT, sizes)
    assert sum(found[part] for part in profile.PARTS) == pytest.approx(found["whole"])
    assert all(found[part] >= 0 for part in profile.PARTS) and found["updates"] > 0
    text = profile.page("abc", ["--rounds 1"], {"before": [found | {"updates": 3 * found["updates"]}], "now": [found]})
    assert f"| updates | {3 * found['updates']:.1f} (" in text and "| 3.0 x |" in text
