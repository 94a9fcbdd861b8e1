"""report.html of over-optimisation: the verdict of every arm first, its paths in order, and nothing unknown as 0."""

import json
from pathlib import Path
from typing import Any

from test_report_page import Page

from assay.audits.arms import make_arms
from assay.audits.overoptimisation import measure
from assay.audits.proxy_runs import read_runs
from assay.report.overoptimisation import write_overoptimisation_report
from conftest import HOSTILE
from made_runs import made_run, reward_model_run, stored

HUMP = [0.3 + 0.02 * min(step, 20) - 0.01 * max(0, step - 20) for step in range(40)]
RISE = [0.3 + 0.01 * step for step in range(40)]
BACK = [min(step, 60 - step) / 10 for step in range(40)]
"""KL that rises to step 30 and then falls."""


def document(folder: Path, seeds: int = 2) -> dict[str, Any]:
    model = reward_model_run(folder / "rm", [f"simulated: right 1, longer 0.05 {HOSTILE}"])
    paths = []
    for coef, gold in ((0.0, HUMP), (0.1, RISE)):
        for seed in range(seeds):
            kl = [f"algorithm.kl_coef={coef}"]
            path = made_run(folder / f"{coef}-{seed}", gold, seed, None, BACK, kl, f"model:{model}")
            for step in (0, 30):
                stored(path, step, [{"length_tokens": 10 + step, "confidence": "sure" if step else None}])
            paths.append(path)
    return measure(make_arms(read_runs(paths)))


def test_it_loads_nothing_and_tells_every_arm_first(tmp_path: Path) -> None:
    page = Page(write_overoptimisation_report(document(tmp_path), tmp_path, images=False))
    assert all(str(a.get("href", "#")).startswith(("#", "data:,")) and "src" not in a for _, a in page.tags)
    assert HOSTILE in page.text and len(page.scripts) == 3 and "img" not in {tag for tag, _ in page.tags}
    cards = page.text[: page.text.index("Over the distance from the reference Gold")]
    for words in ("Over-optimised", "Not over-optimised", "simulated preferences", "Gold lost no more than 0.000"):
        assert words in cards
    assert "right 1, longer 0.05" in cards
    assert "None" not in page.text and "nan" not in page.text.lower().split()
    assert "mean length (tokens) kl_coef 0 2 10.0 40.0 +30.0 (+30.0 to +30.0)" in page.text
    assert "share that says sure kl_coef 0.1 2 0.000 1.000 +1.000 (+1.000 to +1.000)" in page.text


def test_paths_are_drawn_in_the_order_of_steps(tmp_path: Path) -> None:
    """KL goes back after step 30, so drawn by x the curve would jump between its two branches."""
    found = document(tmp_path)
    page = Page(write_overoptimisation_report(found, tmp_path, images=False))
    specs = json.loads(page.scripts[0])
    assert list(specs) == ["gold", "proxy"]
    curve = found["arms"]["kl_coef 0"]["curve"]
    assert curve["sqrt_kl"] != sorted(curve["sqrt_kl"])
    rows = [r for rows in specs["gold"]["datasets"].values() for r in rows if r["label"] == "kl_coef 0"]
    drawn = {(row["at"], row["x"], row["y"]) for row in rows}
    assert {(at, x, y) for at, (x, y) in enumerate(zip(curve["sqrt_kl"], curve["gold"], strict=True))} <= drawn
    lines = [layer for layer in specs["gold"]["layer"] if layer["mark"]["type"] == "line"]
    assert len(lines) == 3 and all(layer["encoding"]["order"]["field"] == "at" for layer in lines)
    [label] = {a["data-label"] for _, a in page.tags if "data-label" in a} - {"kl_coef 0.1"}
    assert label == "kl_coef 0"


def test_one_seed_has_no_verdict_and_its_loss_is_not_known(tmp_path: Path) -> None:
    page = Page(write_overoptimisation_report(document(tmp_path, seeds=1), tmp_path, images=False))
    assert page.text.count("One seed gives no interval, and so no verdict") == 2
    assert "gold lost since its peak not known not known" in page.text and "None" not in page.text
