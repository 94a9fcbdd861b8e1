"""Progress of long work on stderr: a bar with rate and time left on a terminal, a plain line now and then in a pipe."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from assay.errors import AssayError
from assay.files import Found

WINDOW_SECONDS = 30.0
"""The rate is that of the last half minute, so that it follows work that speeds up or slows down."""
LINE_SECONDS = 10.0
"""In a pipe, the longest silence while work advances."""
LEAST_SECONDS = 2.0
"""In a pipe, the shortest time between two lines."""

Advance = Callable[[int], None]


def say(text: str) -> None:
    """One line for the person who waits, on stderr; above the bar where there is one."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def progress(description: str, total: int | None, unit: str, done: int = 0) -> Iterator[Advance]:
    """Shows the progress of the block; yields `advance(n)`, to be called when n more units are done.

    `unit` is a plural ("samples"); `total` is None where it is unknown; `done` counts what an earlier run had done
    already, which is left out of the rate.

        with progress("sampling", 8192, "samples") as advance:
            engine.generate(prompts, advance=advance)
    """
    meter = Meter(description, total, unit, done)
    console = _console()
    display = _bar if console.is_terminal and not console.is_dumb_terminal else _lines
    with display(meter) as advance:
        yield advance


class Meter:
    """Counts units and says how fast they come and how long the rest will take.

    `now` is a clock in seconds. A state is (time, count); the rate is taken between the oldest state kept and the last,
    so the time since the last unit, which belongs to the next one, does not lower it.
    """

    def __init__(
        self, description: str, total: int | None, unit: str, done: int = 0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.description, self.total, self.unit, self.now = description, total, unit, now
        self.count = self.first = done
        self.start = now()
        self.states = deque([(self.start, done)])

    def advance(self, n: int) -> None:
        """Counts n more units; those `Found` are left out of the rate, as `done` is."""
        self.count += n
        time_now = self.now()
        if isinstance(n, Found):
            self.first += n
            self.states = deque([(time_now, self.count)])
            return
        if len(self.states) > 1 and time_now - self.states[-2][0] < WINDOW_SECONDS / 100:
            self.states.pop()  # states closer than that would make the window long
        self.states.append((time_now, self.count))
        while len(self.states) > 2 and time_now - self.states[1][0] > WINDOW_SECONDS:
            self.states.popleft()

    @property
    def rate(self) -> float | None:
        """Units a second over the window; None before the first."""
        (start, before), (end, after) = self.states[0], self.states[-1]
        return (after - before) / (end - start) if end > start and after > before else None

    def counts(self) -> str:
        """'1,024/8,192 samples'."""
        of_total = "" if self.total is None else f"/{self.total:,}"
        return f"{self.count:,}{of_total} {self.unit}"

    def pace(self) -> str:
        """'512/s, 14 s left', as far as known."""
        parts = []
        if self.rate is not None:
            parts.append(_rate(self.rate))
            if self.total is not None and self.total > self.count:
                waited = self.now() - self.states[-1][0]
                parts.append(f"{_duration(max(0.0, (self.total - self.count) / self.rate - waited))} left")
        return ", ".join(parts)

    def ending(self) -> str:
        """'in 16 s (512/s)', over the whole; 'already there' where an earlier run had done all."""
        seconds = self.now() - self.start
        gained = self.count - self.first
        if self.count and not gained:
            return "already there"
        return f"in {_duration(seconds)}" + (f" ({_rate(gained / seconds)})" if gained and seconds > 0 else "")


@contextmanager
def _lines(meter: Meter) -> Iterator[Advance]:
    """Plain lines: when a tenth of the total is done or ten seconds have passed, and at the end."""
    last_time, last_count = meter.start, meter.count
    tenth = max(1, meter.total // 10) if meter.total else sys.maxsize

    def advance(n: int = 1) -> None:
        nonlocal last_time, last_count
        meter.advance(n)
        silence = meter.now() - last_time
        due = silence >= LINE_SECONDS or meter.count - last_count >= tenth
        if due and silence >= LEAST_SECONDS and meter.count != meter.total:
            pace = meter.pace()
            say(f"{meter.description} {meter.counts()}" + (f" ({pace})" if pace else ""))
            last_time, last_count = meter.now(), meter.count

    try:
        yield advance
    except BaseException as error:
        if not isinstance(error, AssayError):  # its sentence says what happened, and needs no other before it
            say(f"{meter.description} stopped at {meter.counts()} after {_duration(meter.now() - meter.start)}")
        raise
    say(f"{meter.description} {meter.counts()} {meter.ending()}")


@contextmanager
def _bar(meter: Meter) -> Iterator[Advance]:
    """A rich bar. What is printed to stdout stays there where stdout is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), _MeterColumn(meter))
    with Progress(*columns, console=_console(), redirect_stdout=sys.stdout.isatty()) as bars:
        bar = bars.add_task(meter.description, total=meter.total, completed=meter.count)

        def advance(n: int = 1) -> None:
            meter.advance(n)
            bars.update(bar, completed=meter.count)

        yield advance


class _MeterColumn(ProgressColumn):
    """Count, rate and time left; when all is done, the time it took."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self.meter = meter

    def render(self, task: Task) -> Text:
        """The column's text, drawn anew several times a second."""
        tail = self.meter.ending() if task.finished else self.meter.pace()
        return Text(f"{self.meter.counts()}  {tail}")


@cache
def _console() -> Console:
    """One console, so that a bar within a bar is drawn below it."""
    return Console(stderr=True)


def _rate(rate: float) -> str:
    if rate >= 10:
        return f"{rate:,.0f}/s"
    return f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each"


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
