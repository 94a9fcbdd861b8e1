"""report.html of weights: the sentence first, every cell of the heat map, and nothing unknown as 0."""

import json
from pathlib import Path

from test_report_page import Page

from assay.report.heat import figures
from assay.report.weights import write_weights_report
from assay.weights.document import Asked, measure
from made_checkpoints import BASE, bf16_run


def test_it_says_what_it_means_and_loads_nothing(tmp_path: Path) -> None:
    rl, sft = bf16_run(tmp_path / "rl", 2e-5), bf16_run(tmp_path / "sft", 2e-5, seed=1, kind="sft")
    document = measure(Asked(BASE, str(rl), str(sft), [str(sft)]))
    page = Page(write_weights_report(document, tmp_path, images=False))
    assert all(str(a.get("href", "#")).startswith(("#", "data:,")) and "src" not in a for _, a in page.tags)
    assert "Rounding" in page.text and "None" not in page.text and "nan" not in page.text.lower().split()
    assert page.text.index("not of RL") < page.text.index("base stored as")
    specs = json.loads(page.scripts[0])
    assert list(specs) == ["tolerance", "sparsity", "sparsity_control"]
    cells = [row for rows in specs["sparsity"]["datasets"].values() for row in rows if "visible" in row]
    groups = {(row["row"], row["column"]): row["share"] for row in cells}
    assert len(groups) == len(document["models"]["rl"]["layers"])
    assert all(
        f"{100 * g['sparsity']:.2f}" in groups[("–" if g["layer"] is None else str(g["layer"])), g["kind"]]
        for g in document["models"]["rl"]["layers"]
    )
    lines = {row["label"] for rows in specs["tolerance"]["datasets"].values() for row in rows if "label" in row}
    assert lines == {"rl, bf16", "rl, fp32", "sft, bf16", "sft, fp32"}


def test_what_cannot_be_told_is_not_known(tmp_path: Path) -> None:
    document = measure(Asked(BASE, str(bf16_run(tmp_path / "rl", 2e-5, masters=False))))
    page = Page(write_weights_report(document, tmp_path, images=False))
    assert "Cannot be told" in page.text and "moved, hidden by bf16 not known" in page.text


def test_figures_in_cells_are_all_or_nothing_only_where_it_is_so() -> None:
    assert [figures(share) for share in (0, 0.001, 0.5, 0.999, 1)] == ["0", "<1", "50", ">99", "100"]
    assert [figures(share, 1) for share in (0, 1e-6, 0.991, 1 - 1e-6)] == ["0", "<0.1", "99.1", ">99.9"]
