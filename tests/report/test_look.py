"""One colour a model everywhere, and its twin on a dark ground."""

from assay.report import look


def test_every_colour_has_a_twin_for_the_dark() -> None:
    assert set(look.SERIES) <= set(look.DARK)
    assert len(set(look.DARK.values())) == len(look.DARK)
    css = look.stylesheet()
    for light, dark in look.DARK.items():
        assert f'.chart [stroke="{light}"]{{stroke:{dark}}}' in css
        assert f".{look.css_class(light)}{{--c:{light}}}" in css


def test_series_are_told_apart_beyond_the_sixth() -> None:
    labels = [f"model {at}" for at in range(9)]
    looks = {(look.colours(labels)[label], tuple(look.dashes(labels)[label])) for label in labels}
    assert len(looks) == 9
    assert look.colours(labels)["model 6"] == look.colours(labels)["model 0"]


def test_long_labels_wrap_without_losing_a_letter() -> None:
    label = "Qwen2.5-Math-1.5B-grpo-true-reward-step-400-and_one_very_long_word_without_a_dash"
    lines = look.wrap(label, 18).split("\n")
    assert max(map(len, lines)) <= 18
    assert "".join(lines) == label
    assert look.wrap("") == ""


def test_a_tooltip_title_cannot_end_a_vega_string() -> None:
    assert look.tooltip_title('a "b"\n\\c') == "a 'b' /c"
