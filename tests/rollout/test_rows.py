from dataclasses import replace

import polars as pl

from assay.rollout.engine import Engine
from assay.rollout.rows import write_groups
from assay.samples import read_samples
from assay.training.judging import verify
from assay.types import Group, Sampling
from tiny_models import tiny_policy
from tiny_task import TinyTask


def test_training_samples_are_a_sample_file(tmp_path):
    """Also where a step drew a problem twice: its members are counted through both groups."""
    task = TinyTask()
    prompts = [*task.prompts("train", 3), task.prompt_of("p1")]
    groups = verify(Engine(tiny_policy()).generate(prompts, 2, Sampling(max_new_tokens=5)), task)
    rewarded = [
        Group(group.prompt, tuple(replace(sample, reward=float(index), advantage=None) for sample in group.samples))
        for index, group in enumerate(groups)
    ]
    frame = pl.read_parquet(write_groups(tmp_path / "step-000003.parquet", rewarded, task))
    assert frame["group"].to_list() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert frame["problem"].to_list() == ["p0", "p0", "p1", "p1", "p2", "p2", "p1", "p1"]
    assert frame["member"].to_list() == [0, 1, 0, 1, 0, 1, 2, 3]
    assert frame["reward"].to_list() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert frame["advantage"].null_count() == 8
    assert frame["model"].unique().to_list() == ["v0"]
    assert frame["prompt"].to_list()[0] == prompts[0].text
    for row, sample in zip(frame.iter_rows(named=True), (s for g in rewarded for s in g.samples), strict=True):
        assert row["correct"] == sample.scores["true"].correct
        assert row["token_ids"] == sample.token_ids[sample.mask].tolist()
    assert read_samples(tmp_path / "step-000003.parquet").format == "responses"
