"""A card holds what was measured, and is measured again to the same numbers."""

import json

import numpy as np
import pytest

from assay.cli.main import run
from assay.organisms import card as cards
from assay.organisms.card import grow_to, read_card
from assay.organisms.measure import Estimate, tail_recall
from assay.policies.load import load_policy
from assay.tasks import make_task

TINY = """
name = "tiny"
summary = "A test."
[model]
hidden = 16
layers = 1
heads = 2
mlp = 16
[training]
steps = {steps}
documents = 8
learning_rate = 1e-2
warmup_steps = 1
weight_decay = 0.0
prompt_weight = 0.1
[[corpus]]
task = "compose"
share = 1
sizes = {{ 1 = 1.0 }}
[corpus.styles]
code = 0.5
step_error = 0.1
prose_right = 0.9
[[card]]
task = "compose:seen"
problems = 3
n = 8
[leak]
task = "compose:depth=1"
problems = 2
share = 0.9
"""


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grown")
    (folder / "tiny.toml").write_text(TINY.format(steps=2))
    return grow_to(folder / "tiny.toml", folder / "tiny")


def test_a_card_says_what_was_stated_and_measured(grown):
    card, text = read_card(grown), (grown / "README.md").read_text()
    (rung,) = card.rungs
    assert (rung.task, rung.problems, rung.n, list(rung.pass_at)) == ("compose:seen", 3, 8, [1, 8])
    for label in ("strategy", "reflection", "confidence", "form"):
        assert sum(trait.share for trait in rung.traits if trait.label == label) == pytest.approx(1)
    assert [row.prefix for row in card.recall] == [0.4, 0.6, 0.8] * 2
    assert f"| tiny | compose:seen | 3 x 8 | {rung.pass_at[1]} |" in text
    assert (
        "| step_error | 0.1 |" in text and "| not leaked | 60% |" in text and f"{card.parameters:,} parameters" in text
    )


def test_checking_a_card_again_gives_its_numbers(grown, capsys):
    assert run(["grow", "--check", str(grown)]) == 0
    told = capsys.readouterr().out
    assert "compose:seen pass@8" in told and "within the card's interval" in told


def test_a_card_that_says_something_else_is_named(grown, tmp_path, capsys):
    other = tmp_path / "other"
    other.mkdir()
    for file in grown.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    told = json.loads((grown / "card.json").read_text())
    told["rungs"][0]["pass_at"]["8"] = {"mean": 0.9, "low": 0.8, "high": 1.0}
    (other / "card.json").write_text(json.dumps(told))
    assert run(["grow", "--check", str(other)]) == 2
    assert "compose:seen pass@8" in capsys.readouterr().err


def test_recall_counts_tails_continued_word_for_word(tmp_path):
    """A model trained on two problems alone recalls these, and not others."""
    text = TINY.replace("hidden = 16", "hidden = 48").replace("share = 0.9", "share = 0.999")
    (tmp_path / "tiny.toml").write_text(text.format(steps=150))
    card = read_card(grow_to(tmp_path / "tiny.toml", tmp_path / "tiny"))
    found = {(row.problems, row.prefix): row.recalled.mean for row in card.recall}
    assert found["leaked", 0.8] == 1.0 and found["not leaked", 0.4] == found["not leaked", 0.6] == 0.0
    recalled = tail_recall(
        load_policy(str(tmp_path / "tiny")), make_task("compose:depth=1").prompts("test", 2), share=0.4
    )
    assert recalled.dtype == np.float64 and set(recalled) <= {0.0, 1.0}


def test_mistakes_get_a_sentence(grown, tmp_path, capsys):
    assert run(["grow"]) == 2 and "give a TOML file and --out, or --check NAME, or --table" in capsys.readouterr().err
    assert run(["grow", str(grown.parent / "tiny.toml")]) == 2 and "--out" in capsys.readouterr().err
    assert run(["grow", "--check", "code-bse"]) == 2 and "did you mean 'code-base'" in capsys.readouterr().err
    (tmp_path / "config.json").write_text("{}")
    assert run(["grow", "--check", str(tmp_path)]) == 2 and "no card.json" in capsys.readouterr().err


def test_the_table_prints_every_shipped_card(grown, monkeypatch, capsys):
    from assay.policies import references

    monkeypatch.setattr(references, "SHIPPED", grown.parent)
    assert run(["grow", "--table"]) == 0
    assert "| tiny | compose:seen | 3 x 8 |" in capsys.readouterr().out


def test_estimates_round_to_three_digits():
    assert str(Estimate(mean=0.12345, low=0.1, high=0.2)) == "0.123 (0.100 to 0.200)"
    assert cards.table(["a", "b"], [(1, "x")]) == "| a | b |\n| --- | --- |\n| 1 | x |"
