"""The worked example of docs/algorithms.md: its file, its dictionary entry and its row are all that it takes."""

import re
from pathlib import Path

import pytest

from assay import algorithms
from assay.cli.main import run as assay
from assay.registry import resolve
from assay.store import Run
from assay.training.choice import make_algorithm

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "algorithms.md").read_text(encoding="utf-8")
TINY = ["--set", "steps=1", "--set", "rollout.prompts=8", "--set", "evaluation.every=0", "--set", "algorithm.name=opo"]


@pytest.fixture
def added(tmp_path, monkeypatch):
    """The example's file beside the package's, as `assay.algorithms.opo`, and its line in the dictionary."""
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "opo.py").write_text(code)
    monkeypatch.setattr(algorithms, "__path__", [*algorithms.__path__, str(tmp_path)])
    ((name, target),) = re.findall(r'^    "(\w+)": "([\w.]+:\w+)",$', TEXT, re.MULTILINE)
    monkeypatch.setitem(algorithms.ALGORITHMS, name, target)
    yield code
    monkeypatch.delitem("sys.modules", "assay.algorithms.opo", raising=False)


def test_it_trains(added, tmp_path):
    recipe = str(ROOT / "recipes" / "compose-rloo.toml")
    assert assay(["train", recipe, "--out", str(tmp_path / "run"), *TINY]) == 0
    assert Run.open(tmp_path / "run").recipe.algorithm | {"name": "opo", "aggregation": "sum", "refill": 0} == (
        Run.open(tmp_path / "run").recipe.algorithm
    )


def test_its_baseline_is_weighted_by_length(added):
    """Rewards 1 and 0 of responses of 1 and 3 tokens: the baseline is (1 x 1 + 3 x 0) / 4."""

    class Response:
        def __init__(self, reward, length):
            self.shaped_reward, self.length_tokens = reward, length

    opo = make_algorithm({"name": "opo"})
    assert opo.group_advantages([Response(1, 1), Response(None, 9), Response(0, 3)]) == [0.75, 0.0, -0.25]


def test_its_row_names_it(added):
    (row,) = re.findall(r"^\| Hao.*\|$", TEXT, re.MULTILINE)
    (target,) = re.findall(r"`(assay[\w.]+:\w+)`", row)
    assert resolve(target).__doc__ and row.count("|") == 5


def test_the_document_names_files_and_options_that_there_are():
    """Its table has names with their files, and its options are all of the base class."""
    rows = dict(re.findall(r"^\| `([\w+-]+)` \|.*\]\(\.\./src/assay/algorithms/(\w+)\.py\) \|$", TEXT, re.MULTILINE))
    files = {name: target.split(":")[0].rpartition(".")[2] for name, target in algorithms.ALGORITHMS.items()}
    assert len(rows) >= 18 and rows == {name: files[name] for name in rows}
    options = re.search(r"## Options that all share\n(.*?)\n\n[A-Z]", TEXT, re.DOTALL)[1]
    cells = [line.split("|")[1] for line in options.splitlines() if line.startswith("| `")]
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == set(resolve("assay.algorithms.base:Algorithm").model_fields)


@pytest.mark.parametrize("name", algorithms.ALGORITHMS)
def test_no_algorithm_is_longer_than_two_screens(name):
    path = ROOT / "src" / Path(*algorithms.ALGORITHMS[name].split(":")[0].split(".")).with_suffix(".py")
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 100
