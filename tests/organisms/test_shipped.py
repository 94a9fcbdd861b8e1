"""What every later claim about the shipped organisms stands on, read off their cards; and a card measured again."""

import pytest

from assay.cli.main import run
from assay.organisms.card import RECIPE, read_card, readme
from assay.organisms.grow import load_organism
from assay.policies.references import SHIPPED, shipped_organisms

BASES = ("code-base", "leaked-base", "mixed-base", "prose-base")
RUNGS = ("compose:seen", "compose:edge", "compose:hard", "compose:rare", "countdown:seen", "chain:seen")


@pytest.fixture(params=shipped_organisms())
def name(request):
    return request.param


@pytest.fixture
def rungs(name):
    return {rung.task: rung for rung in read_card(SHIPPED / name).rungs}


def right_in(rung, style):
    return next(trait.right for trait in rung.traits if (trait.label, trait.value) == ("strategy", style))


def test_all_are_there_and_small(name):
    assert shipped_organisms() == sorted([*BASES, "teacher"])
    assert (SHIPPED / name / "model.safetensors").stat().st_size <= 8e6
    assert sum(file.stat().st_size for file in SHIPPED.rglob("*") if file.is_file()) < 20e6


def test_the_card_is_the_text_of_its_numbers(name, rungs):
    assert tuple(rungs) == RUNGS
    text = (SHIPPED / name / "README.md").read_text(encoding="utf-8")
    assert text == readme(load_organism(SHIPPED / name / RECIPE), read_card(SHIPPED / name), f"{name}.toml")


def test_the_ladder(name, rungs):
    seen, edge, hard = (rungs[f"compose:{rung}"] for rung in ("seen", "edge", "hard"))
    assert edge.floor[128] < 0.05 and hard.floor[256] < 0.05
    if name == "teacher":
        assert hard.pass_at[1].low > 0.5
        return
    assert seen.pass_at[128].mean > 0.95
    assert edge.pass_at[1].low > 10 * edge.floor[1]
    assert 0.3 < edge.pass_at[128].mean < 0.9
    assert hard.pass_at[256].mean < 0.1


def test_each_family_is_served_by_its_style_and_loses_rare_problems_by_it(name, rungs):
    seen, rare = rungs["compose:seen"], rungs["compose:rare"]
    if name == "teacher":
        return
    best, minority = ("prose", "code") if name == "prose-base" else ("code", "prose")
    assert right_in(seen, best) > right_in(seen, minority)
    assert right_in(rare, best) < 0.01 < 0.2 < right_in(rare, minority)


def test_the_leak_is_recalled_and_nothing_else():
    found = {(row.problems, row.prefix): row.recalled for row in read_card(SHIPPED / "leaked-base").recall}
    for prefix in (0.4, 0.6, 0.8):
        assert found["leaked", prefix].mean >= 0.5
        one_letter_is_left = prefix == 0.8
        assert found["not leaked", prefix].mean <= (0.25 if one_letter_is_left else 0.0)


@pytest.mark.slow
def test_a_card_is_measured_again(name, capsys):
    assert run(["grow", "--check", name]) == 0
    assert "every estimate measured again is within" in capsys.readouterr().out
