"""Line charts: unknown values leave gaps, colours stay with their labels, the pointer tells every value."""

from typing import Any

import pytest

from assay.report.lines import DASHED, Axes, Line, Point, line_chart

AXES = Axes("k (tries)", "y", "{:.2f}".format)
LOG_AXES = Axes("k (tries)", "y", "{:.2f}".format, x_log2=True, x_values=[1, 4, 16])


def spec_of(lines: list[Line], axes: Axes = AXES) -> dict[str, Any]:
    """The Vega-Lite specification, checked against Vega-Lite's schema."""
    spec: dict[str, Any] = line_chart(lines, axes).to_dict(validate=True)
    return spec


def layers(spec: dict[str, Any], mark: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    found = [layer for layer in spec["layer"] if layer["mark"]["type"] == mark]
    return [(layer, spec["datasets"][layer["data"]["name"]]) for layer in found]


def test_unknown_breaks_the_curve_and_has_no_dot() -> None:
    spec = spec_of([Line("a", "#4d6a8a", [Point(0, 0.5), Point(1, None), Point(2, 0.7)], dots=True)])
    [(_, curve)] = layers(spec, "line")
    assert [row["y"] for row in curve] == [0.5, None, 0.7]
    [(_, dots)] = layers(spec, "point")
    assert [row["x"] for row in dots] == [0, 2]
    [(_, told)] = layers(spec, "rect")
    assert [row["s0"] for row in told] == ["0.50", "not known", "0.70"]


def test_colours_and_dashes_stay_with_their_labels_when_a_curve_is_smoothed() -> None:
    points = [Point(0, 1.0), Point(1, 2.0)]
    lines = [
        Line("raw", "#4d6a8a", points, smooth=[Point(0, 1.5), Point(1, 1.5)]),
        Line("other", "#d4620c", points, dash=DASHED),
    ]
    (thin, thin_rows), (bold, bold_rows) = layers(spec_of(lines), "line")
    colour, dash = bold["encoding"]["color"]["scale"], bold["encoding"]["strokeDash"]["scale"]
    assert dict(zip(colour["domain"], colour["range"], strict=True)) == {"raw": "#4d6a8a", "other": "#d4620c"}
    assert dict(zip(dash["domain"], dash["range"], strict=True)) == {"raw": [1, 0], "other": [5, 4]}
    assert thin["mark"]["color"] == "#4d6a8a" and [row["y"] for row in thin_rows] == [1.0, 2.0]
    assert [row["y"] for row in bold_rows if row["label"] == "raw"] == [1.5, 1.5]


def test_a_band_is_drawn_only_where_both_its_bounds_are_known() -> None:
    points = [Point(0, 0.5, 0.4, 0.6), Point(1, 0.5, None, 0.6), Point(2, 0.5, 0.3, 0.7)]
    [(_, band)] = layers(spec_of([Line("a", "#4d6a8a", points)]), "area")
    assert [(row["x"], row["low"], row["high"]) for row in band] == [(0, 0.4, 0.6), (2, 0.3, 0.7)]
    assert layers(spec_of([Line("a", "#4d6a8a", [Point(0, 1), Point(1, 2)])]), "area") == []


@pytest.mark.parametrize(("axes", "edges"), [(AXES, [1, 2.5, 10, 16]), (LOG_AXES, [1, 2, 8, 16])])
def test_the_pointers_strips_meet_half_way_and_cover_the_axis(axes: Axes, edges: list[float]) -> None:
    spec = spec_of([Line("a", "#4d6a8a", [Point(1, 1), Point(4, 2), Point(16, 3)])], axes)
    [(_, strips)] = layers(spec, "rect")
    assert [strips[0]["from"], *(row["to"] for row in strips)] == pytest.approx(edges)


def test_the_pointer_tells_all_curves_also_where_one_has_no_point() -> None:
    spec = spec_of([Line("a", "#4d6a8a", [Point(0, 1), Point(1, 2)]), Line('b"\n', "#d4620c", [Point(1, 3, 2, 4)])])
    [(strip, rows)] = layers(spec, "rect")
    assert [(row["s0"], row["s1"]) for row in rows] == [("1.00", "–"), ("2.00", "3.00  (2.00 to 4.00)")]
    assert [tip["title"] for tip in strip["encoding"]["tooltip"]] == ["k", "a", "b'"]
