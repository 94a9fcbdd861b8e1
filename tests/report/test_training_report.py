"""The page of a run: finished or not, torn or not, it shows what is known and says what is not."""

import json
from pathlib import Path
from typing import Any

import pytest

from assay.cli import main
from assay.errors import RunError
from assay.report.curves import training_figures
from assay.report.lines import Point
from assay.report.metrics import binned, read_metrics, smoothed, window
from assay.report.training import write_training_report
from assay.store import Run
from conftest import make_run, metrics_rows


def written(run: Path) -> str:
    return write_training_report(run).read_text("utf-8")


def test_it_shows_what_the_run_logged(run: Path) -> None:
    page = written(run)
    assert (run / "report.html").is_file()
    for words in ("Finished, 40 of 40 steps", "0.100 → 0.500", "0.450 to 0.550, 64 problems", "Entropy"):
        assert words in page
    assert "1 h 0 min" in page, "40 steps of 90 seconds"
    assert "torn" not in page


def test_only_what_was_logged_has_a_figure(run: Path) -> None:
    names = [figure.name for figure in training_figures(read_metrics(Run(run)))]
    assert names == ["accuracy", "reward", "entropy", "lengths", "grad_norm", "learning_rate", "speed"]


def test_a_number_without_a_panel_is_drawn_all_the_same(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", [{"step": 0, "rewards/format/mean": 0.5, "words/odd": True}])
    [figure] = training_figures(read_metrics(Run(run)))
    assert figure.title == "rewards/format/mean"


def test_an_unfinished_run_with_a_torn_line(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", metrics_rows(7)[:-1], status="running")
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "reward": 0.')
    page = written(run)
    assert "Not finished, 7 of 40 steps so far" in page
    assert "The last line of the log is torn" in page


def test_lines_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path / "r", [{"step": 0, "reward": 1.0}])
    with (run / "metrics.jsonl").open("a") as file:
        file.write('[1]\n{"reward": 2}\nx\n{"step": 1, "reward": NaN}\n')
    metrics = read_metrics(Run(run))
    assert (metrics.unreadable, metrics.torn) == (3, False)
    assert metrics.points("reward") == [Point(0, 1.0), Point(1, None)], "NaN is unknown"
    assert "3 lines of the log could not be read" in written(run)


def test_absent_is_not_unknown(run: Path) -> None:
    """Evaluation is absent between its steps and joins over them; entropy is null at step 3 and leaves a gap."""
    metrics = read_metrics(Run(run))
    assert [point.x for point in metrics.points("eval/pass@1")] == [0, 10, 20, 30, 40]
    assert metrics.points("entropy")[3] == Point(3, None)
    assert len(metrics.known("entropy")) == 39


def test_an_evaluation_alone_is_no_step(run: Path) -> None:
    metrics = read_metrics(Run(run))
    assert len(metrics.rows) == 41
    assert metrics.steps_done == 40


def test_smoothing_stays_centred_and_steps_over_the_unknown() -> None:
    """100 points, window 100 // 25 // 2 * 2 + 1 = 5: on a line the mean is the point itself, at the ends too."""
    assert window(100) == 5
    line = [Point(x, float(x)) for x in range(100)]
    assert smoothed(line) == line
    line[50] = Point(50, None)
    smooth = smoothed(line)
    assert smooth is not None
    assert smooth[50].y == pytest.approx((48 + 49 + 51 + 52) / 4)
    assert smooth[49].y == pytest.approx((47 + 48 + 49 + 51) / 4)
    assert smoothed(line[:60]) is None


def test_a_long_run_is_put_together_without_losing_a_spike() -> None:
    """1,300 points: 3 together, 434 in all; the spike at 4 is the height of the band around (3, 4, 5)."""
    points = [Point(x, 1.0) for x in range(1300)]
    points[4] = Point(4, 10.0)
    points[6] = points[7] = points[8] = Point(6, None)
    together = binned(points)
    assert len(together) == 434
    assert together[0] == Point(0, 1.0, 1.0, 1.0)
    assert together[1] == Point(3, 4.0, 1.0, 10.0)
    assert together[2] == Point(6, None, None, None)
    assert binned(points[:600]) == points[:600]


def test_the_method_tells_what_was_averaged(tmp_path: Path) -> None:
    rows = [{"step": step, "reward": 1.0} for step in range(1300)]
    [figure] = training_figures(read_metrics(Run(make_run(tmp_path / "r", rows))))
    assert figure.method.endswith(
        "1,300 steps. Thin: mean of 3 steps, with a band from the lowest to the highest. Bold: mean over 51 steps."
    )


@pytest.fixture
def short_run(tmp_path: Path) -> Path:
    """One step and one number: its page takes no time."""
    return make_run(tmp_path / "short", [{"step": 0, "reward": 1.0}])


def write_findings(run: Path, text: str) -> None:
    (run / "audit").mkdir()
    (run / "audit" / "findings.json").write_text(text, encoding="utf-8")


def test_the_audits_verdict_is_shown(short_run: Path, findings: dict[str, Any]) -> None:
    assert "run <code>assay audit</code> on this run" in written(short_run)
    write_findings(short_run, json.dumps(findings))
    page = written(short_run)
    assert findings["verdict"].capitalize() in page
    assert 'href="audit/report.html"' in page


@pytest.mark.parametrize("text", ['{"sch', "[]", "{}", '{"schema": "assay.findings/1"}'])
def test_an_audit_that_cannot_be_read_is_named(short_run: Path, text: str) -> None:
    write_findings(short_run, text)
    page = written(short_run)
    assert "cannot be read" in page and "not shown here" in page
    assert "Training curves" in page


def test_an_audit_of_another_version_is_named(short_run: Path, findings: dict[str, Any]) -> None:
    write_findings(short_run, json.dumps(findings | {"schema": "assay.findings/9"}))
    assert "another version (assay.findings/9) and not shown here" in written(short_run)


def test_a_recipe_of_another_version_does_not_hide_the_curves(short_run: Path) -> None:
    (short_run / "recipe.toml").write_text('name = "demo"\nfuture = 1\n', encoding="utf-8")
    assert "no readable recipe" in written(short_run)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "metrics.jsonl: not there"),
        ("", "holds no whole line yet"),
        ('{"step": 0, "rew', "holds no whole line yet"),
    ],
)
def test_nothing_to_draw_is_one_sentence(run: Path, text: str | None, says: str) -> None:
    metrics = run / "metrics.jsonl"
    metrics.unlink() if text is None else metrics.write_text(text)
    with pytest.raises(RunError, match=says):
        write_training_report(run)
    assert not (run / "report.html").exists()


def test_the_verb(short_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["report", str(short_run)]) == 0
    assert capsys.readouterr().out == f"{short_run / 'report.html'}\n"
    assert main.run(["report", str(tmp_path / "nowhere")]) == 2
    assert capsys.readouterr().err.count("no run there") == 1


def test_simulated_preferences_are_said(tmp_path: Path) -> None:
    told = {"model:rm": ["simulated: right 4, noise 1, seed 0"]}
    assert "behind this run are simulated: right 4, noise 1, seed 0." in written(
        make_run(tmp_path / "run", metrics_rows(2), reward_annotators=told)
    )
    none = make_run(tmp_path / "none", metrics_rows(2), reward_annotators={})
    assert "behind this run are simulated" not in written(none)
