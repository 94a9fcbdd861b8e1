"""Progress: counts, rates and times by hand, with a clock that the test turns."""

import sys

import pytest

from assay.cli import progress as module
from assay.cli.progress import Meter, progress
from assay.errors import DataError
from assay.files import Found


class Clock:
    """A clock in seconds that moves only when told."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_rate_and_time_left() -> None:
    """1,024 samples in 2 s are 512/s; the other 7,168 take 14 s."""
    clock = Clock()
    meter = Meter("sampling", 8192, "samples", now=clock)
    assert (meter.counts(), meter.pace()) == ("0/8,192 samples", "")
    clock.seconds += 2
    meter.advance(1024)
    assert (meter.counts(), meter.pace()) == ("1,024/8,192 samples", "512/s, 14 s left")


def test_waiting_lowers_the_time_left_and_not_the_rate() -> None:
    """A step took 20 s and 3 are left: 60 s; 15 s into the next one 45 s."""
    clock = Clock()
    meter = Meter("training", 4, "steps", now=clock)
    clock.seconds += 20
    meter.advance(1)
    assert meter.pace() == "20.0 s each, 1 min 00 s left"
    clock.seconds += 15
    assert meter.pace() == "20.0 s each, 45 s left"
    clock.seconds += 100
    assert meter.pace() == "20.0 s each, 0.0 s left"


def test_the_rate_is_that_of_the_last_half_minute() -> None:
    """100 s at 1/s, then 40 s at 10/s: the window holds only the fast part."""
    clock = Clock()
    meter = Meter("reading", 10_000, "rows", now=clock)
    for rows in [1] * 100 + [10] * 40:
        clock.seconds += 1
        meter.advance(rows)
    assert meter.rate == pytest.approx(10.0)
    assert meter.count == 500


def test_many_small_advances_keep_a_short_window_and_the_right_rate() -> None:
    clock = Clock()
    meter = Meter("reading", None, "rows", now=clock)
    for _ in range(100_000):
        clock.seconds += 0.001
        meter.advance(1)
    assert meter.rate == pytest.approx(1000, rel=1e-3)
    assert len(meter.states) < 110


def test_what_an_earlier_run_did_does_not_raise_the_rate() -> None:
    """Resumed at 90 of 100; 2 steps in 10 s, so 8 are left at 5 s each."""
    clock = Clock()
    meter = Meter("training", 100, "steps", done=90, now=clock)
    clock.seconds += 10
    meter.advance(2)
    assert (meter.counts(), meter.pace()) == ("92/100 steps", "5.0 s each, 40 s left")
    assert meter.ending() == "in 10 s (5.0 s each)"


def test_what_is_found_on_the_way_counts_as_done_and_not_as_speed() -> None:
    """90 of 100 are there; 2 more in 10 s. Where all are there, no rate is made of it."""
    clock = Clock()
    meter, whole = (Meter("sampling", 100, "samples", now=clock) for _ in range(2))
    clock.seconds += 0.01
    meter.advance(Found(90))
    whole.advance(Found(100))
    clock.seconds += 10
    meter.advance(2)
    assert (meter.counts(), meter.pace()) == ("92/100 samples", "5.0 s each, 40 s left")
    assert (whole.counts(), whole.pace(), whole.ending()) == ("100/100 samples", "", "already there")


def lines(meter: Meter, clock: Clock, steps: list[tuple[float, int]], capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the plain display prints for steps of (seconds, units)."""
    with module._lines(meter) as advance:
        for seconds, units in steps:
            clock.seconds += seconds
            advance(units)
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_in_a_pipe_a_line_at_every_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    """10 of 100 each 3 s: nine lines on the way, and the last, which says how long it took."""
    clock = Clock()
    printed = lines(Meter("sampling", 100, "samples", now=clock), clock, [(3, 10)] * 10, capsys)
    assert printed[0] == "sampling 10/100 samples (3.3/s, 27 s left)"
    assert printed[-1] == "sampling 100/100 samples in 30 s (3.3/s)"
    assert len(printed) == 10


def test_in_a_pipe_no_flood(capsys: pytest.CaptureFixture[str]) -> None:
    """A thousand units in one second: only the last line."""
    clock = Clock()
    printed = lines(Meter("sampling", 1000, "samples", now=clock), clock, [(0.001, 1)] * 1000, capsys)
    assert printed == ["sampling 1,000/1,000 samples in 1.0 s (1,000/s)"]


@pytest.mark.parametrize("total", [10_000, None])
def test_in_a_pipe_a_line_every_ten_seconds(total: int | None, capsys: pytest.CaptureFixture[str]) -> None:
    """One unit a second for 35 s: lines at 10, 20, 30 and the last."""
    clock = Clock()
    printed = lines(Meter("sampling", total, "samples", now=clock), clock, [(1, 1)] * 35, capsys)
    of = "" if total is None else "/10,000"
    assert [line.split(" samples")[0] for line in printed] == [f"sampling {n}{of}" for n in (10, 20, 30, 35)]


def test_a_block_that_stops_says_where(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), progress("sampling", 8, "samples") as advance:
        advance(3)
        raise KeyboardInterrupt
    assert capsys.readouterr().err.startswith("sampling stopped at 3/8 samples after 0.0 s")


def test_a_block_that_refuses_leaves_the_word_to_its_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError), progress("auditing", 8, "steps") as advance:
        advance(3)
        raise DataError("x.parquet: is empty; give another")
    assert capsys.readouterr().err == ""


def test_progress_prints_to_stderr_and_counts_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", 2, "rows") as advance:
        advance(1)
        advance()  # type: ignore[call-arg]
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("reading 2/2 rows in ")


def test_on_a_terminal_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 120 columns: the bar shows counts; what is said stands above; stdout is left alone."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    module._console.cache_clear()
    with progress("sampling", 4, "samples") as advance:
        for _ in range(4):
            advance(1)
        module.say("half way")
        print("a result")
    module._console.cache_clear()
    out, err = capsys.readouterr()
    assert out == "a result\n"
    assert "4/4 samples  in 0.0 s" in err and "\x1b[" in err
    assert err.index("half way") < err.rindex("4/4 samples")
