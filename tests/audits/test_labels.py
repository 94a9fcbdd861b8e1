"""Labels of an audit: the part in which the sources differ, always unique."""

import pytest

from assay.audits.labels import make_labels
from assay.errors import DataError


@pytest.mark.parametrize(
    ("sources", "labels"),
    [
        (["base.jsonl", "tuned.jsonl"], ("base", "tuned")),
        (["runs/a/samples.parquet", "runs/b/samples.parquet"], ("a", "b")),
        (["/data/a/x/samples.parquet", "/data/b/y/samples.parquet"], ("x", "y")),
        (["out/base.parquet", "other/tuned.parquet"], ("base", "tuned")),
        (["a/x/s.parquet", "a/y/s.parquet", "b/y/s.parquet"], ("a/x", "a/y", "b/y")),
        (["samples.parquet", "runs/a/samples.parquet"], ("samples", "runs/a/samples")),
        (["a.jsonl", "a.parquet"], ("a", "a-2")),
        (["a.parquet", "a.parquet", "a.parquet"], ("a", "a-2", "a-3")),
        (["a.parquet", "a-2.parquet", "a.parquet"], ("a", "a-2", "a-3")),
        (["organism:code-base", "runs/demo"], ("organism:code-base", "demo")),
        (["runs/demo", "runs/demo-1"], ("demo", "demo-1")),
        (["Qwen2.5-7B.jsonl", "Qwen2.5-7B-it.jsonl"], ("Qwen2.5-7B", "Qwen2.5-7B-it")),
    ],
)
def test_labels_are_what_differs(sources: list[str], labels: tuple[str, ...]) -> None:
    assert make_labels(sources) == labels


def test_given_labels() -> None:
    assert make_labels(["x", "y"], ["base", " tuned "]) == ("base", "tuned")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["a", "a"], "every model needs a name of its own"),
        (["a", ""], "every model needs a name of its own"),
        (["a"], "names 1 models"),
    ],
)
def test_given_labels_must_be_unique_and_enough(given: list[str], says: str) -> None:
    with pytest.raises(DataError, match=says):
        make_labels(["x", "y"], given)
