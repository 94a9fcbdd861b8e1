import re
from pathlib import Path

import pytest

from assay.algorithms import ALGORITHMS
from assay.registry import resolve

INDEX = Path(__file__).parents[2] / "docs" / "paper_index.md"


@pytest.mark.parametrize("target", sorted(set(re.findall(r"`(assay[\w.]+:\w+)`", INDEX.read_text(encoding="utf-8")))))
def test_every_function_of_the_index_exists(target):
    assert resolve(target).__doc__


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_is_in_the_index(name):
    assert f"`{ALGORITHMS[name]}`" in INDEX.read_text(encoding="utf-8")
