"""What all benchmarks of speed stand on: turns, medians, memory of other processes, goals, and the page."""

import importlib
import itertools
import sys
import time
from pathlib import Path

import pytest
import results
from measured import Apart, Row, finish, parser, ratios, read_rows, run_assay, seconds, spread, take_turns


def test_sides_take_turns_in_an_order_that_is_reversed_and_the_warm_up_does_not_count():
    """The fake clock goes one second further at each look, two at the second side's work."""
    order, clock = [], itertools.count().__next__
    sides = {"a": lambda turn: order.append(("a", turn)), "b": lambda turn: (order.append(("b", turn)), clock())}
    laps = take_turns(sides, rounds=2, warm_up=1, clock=clock)
    assert order == [("b", 0), ("a", 0), ("a", 1), ("b", 1), ("b", 2), ("a", 2)]
    assert (seconds(laps["a"]), seconds(laps["b"])) == ([1, 1], [2, 2])


def test_a_ratio_is_of_one_round_and_the_spread_is_median_and_range():
    assert ratios([4.0, 9.0], [2.0, 3.0]) == [2.0, 3.0]
    assert spread([3.0, 1.0, 10.0]) == "3.00 (1.00 to 10.00)"


def holds_memory(mebibytes):
    """A side whose first lap holds so many MiB, beside 8 that were there before."""
    before = b"x" * (8 * 2**20)
    return lambda turn: len(b"x" * (mebibytes * 2**20)) + len(before) + turn


def fails():
    return lambda turn: sys.exit(3)


def test_a_process_apart_says_what_it_took_above_imports_and_above_what_was_there():
    with Apart(holds_memory, 64) as side:
        assert side(5) == 72 * 2**20 + 5
    if side.memory.peak is None:
        pytest.skip("this system does not tell a process's memory")
    assert side.memory.above_imports == pytest.approx(72, abs=6)
    assert side.memory.above_made == pytest.approx(64, abs=6)


def test_a_process_that_ends_is_told():
    with pytest.raises(RuntimeError, match="ended with code 3"), Apart(fails) as side:
        side(1)


def test_a_command_is_run_in_a_process_and_its_failure_is_told():
    peak = run_assay(["--help"])
    assert peak is None or 5 < peak < 500
    with pytest.raises(RuntimeError, match="there is no verb 'hlep'"):
        run_assay(["hlep"])


@pytest.mark.parametrize(
    ("bounds", "met"), [({"at_least": 2.0}, True), ({"at_least": 2.1}, False), ({"at_most": 1.9}, False), ({}, None)]
)
def test_the_median_decides_whether_a_goal_is_met(bounds, met):
    assert Row("r", "w", "a", [9.0, 2.0, 1.0], "x", **bounds).met is met


def test_a_row_survives_its_file_and_names_floor_and_distance(tmp_path, capsys):
    row = Row(
        "r", "w", "a", [9.0, 2.0, 1.0], "x", at_least=5.0, seconds=3.0, floor_seconds=0.5, floor="1 GB at 2 GB/s",
        memory={"assay": 1234.4, "other": None},
    )  # fmt: skip
    assert finish(parser("").parse_args(["--rows", str(tmp_path / "rows.json")]), [row]) == 0
    assert "goal at least 5 x: no" in capsys.readouterr().out
    [again] = read_rows(tmp_path / "rows.json")
    assert again == row
    assert again.cells()[3:] == [
        "at least 5 x", "2.00 (1.00 to 9.00) x", "**no**", "0.5 s: 1 GB at 2 GB/s", "6.0 x",
        "assay 1,234 MiB; other unknown",
    ]  # fmt: skip


def test_a_floor_is_the_larger_of_operations_and_bytes():
    """1e12 operations at 100 GFLOP/s take 10 s; 40 GB at 20 GB/s take 2 s."""
    rates = importlib.import_module("floors").Rates(gflops=100, gigabytes=20)
    assert rates.seconds(1e12, 40e9) == 10 and "1 TFLOP at 100" in rates.text(1e12, 40e9)
    assert rates.seconds(1e10, 40e9) == 2 and "40 GB at 20.0" in rates.text(1e10, 40e9)


def test_a_benchmark_that_fails_is_told_and_the_others_go_on(tmp_path, monkeypatch, capsys):
    """One script writes a row, one fails with a message, the page has both and the exit code says so."""
    good = "from measured import *\nRow_ = Row('r', 'w', '-', [1.0], 's', at_most=2.0, more='as seen')\n"
    (tmp_path / "good.py").write_text(good + "finish(parser('').parse_args(), [Row_])\n")
    (tmp_path / "bad.py").write_text("import sys\nsys.exit('there is no | here')\n")
    monkeypatch.setenv("PYTHONPATH", f"{results.HERE}:{importlib.import_module('os').environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(results, "HERE", tmp_path)
    monkeypatch.setattr(results, "PAGE", tmp_path / "RESULTS.md")
    monkeypatch.setattr(results, "SCRIPTS", {"bad": ("bad.py",), "good": ("good.py",)})
    assert results.main([]) == 1
    page = (tmp_path / "RESULTS.md").read_text("utf-8")
    assert "| bad | bad.py | - | - | ended with code 1: there is no \\| here | **not measured** |" in page
    assert "| r | w | - | at most 2 s | 1.00 (1.00 to 1.00) s | yes |" in page and "- r: as seen" in page
    assert results.main(["better"]) == 2 and "there is no benchmark 'better'" in capsys.readouterr().err
    assert results.main(["good"]) == 0 and (tmp_path / "RESULTS.md").read_text("utf-8") == page
    assert "| r | w |" in capsys.readouterr().out


def test_a_benchmark_that_takes_too_long_is_ended_with_the_processes_that_it_started(tmp_path, monkeypatch):
    """Or the next one would be measured beside them. The script writes down who sleeps."""
    sleeper = tmp_path / "sleeper"
    text = "import pathlib, subprocess, sys\n"
    text += "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    text += f"pathlib.Path({str(sleeper)!r}).write_text(str(child.pid))\nchild.wait()\n"
    (tmp_path / "slow.py").write_text(text)
    monkeypatch.setattr(results, "HERE", tmp_path)
    monkeypatch.setattr(results, "SCRIPTS", {"slow": ("slow.py",)})
    monkeypatch.setattr(results, "LIMIT_SECONDS", 2)
    assert results.run("slow") == "not done after 2 s"
    status = Path(f"/proc/{sleeper.read_text()}/stat")
    until = time.monotonic() + 10
    while status.exists() and status.read_text().split()[2] != "Z" and time.monotonic() < until:
        time.sleep(0.05)
    assert not status.exists() or status.read_text().split()[2] == "Z"


def test_without_a_gpu_the_gpu_rows_say_so(capsys):
    torch = importlib.import_module("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert importlib.import_module("gpu").main([]) == 2
    assert "there is no CUDA device here" in capsys.readouterr().err


def test_the_page_of_speed_has_every_benchmark():
    """RESULTS.md has rows of each script of `make bench`, by their beginning, or says why one was not measured."""
    page = results.PAGE.read_text("utf-8")
    rows = [line.removeprefix("| ").split(" |")[0] for line in page.splitlines() if line.startswith("| ")]
    begins = {
        "start": "start, ", "audit": "audit, ", "logprobs": "log-probabilities, ", "math": "grading, math, ",
        "code": "grading, code", "rollouts": "rollouts, small, ", "rollouts-0.5B": "rollouts, 0.5B shape, ",
        "grpo-step": "GRPO step, ",
    }  # fmt: skip
    for name, begin in begins.items():
        assert any(row == name or row.startswith(begin) for row in rows), name
    assert set(begins) == set(results.SCRIPTS)
    text = (results.HERE.parent / "docs" / "speed.md").read_text("utf-8")
    assert [name for name in begins if f"| `{name}` |" not in text] == []
