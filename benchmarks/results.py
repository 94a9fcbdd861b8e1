"""Runs the benchmarks of speed that need no GPU and writes benchmarks/RESULTS.md.

    python benchmarks/results.py
    python benchmarks/results.py start audit

Each is a script of its own, run in a process of its own; where one fails, its row says so and the others go on. With
names, only those are run and the table is printed, for a page of rows from several runs would be no comparison.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from measured import Row, machine, read_rows

from assay.files import write_text

HERE = Path(__file__).parent
PAGE = HERE / "RESULTS.md"
SCRIPTS: dict[str, tuple[str, ...]] = {
    "start": ("start.py",),
    "audit": ("audit_speed.py",),
    "logprobs": ("logprobs.py",),
    "math": ("math_speed.py",),
    "code": ("code_grading.py",),
    "rollouts": ("rollouts.py",),
    "rollouts-0.5B": (
        "rollouts.py", "--shape", "0.5B", "--prompts", "4", "--group", "8", "--fixed-tokens", "32", "--rounds", "3",
        "--ways", "assay", "dynamic",
    ),
    "grpo-step": ("grpo_step.py",),
}  # fmt: skip
"""Name of a benchmark -> its script and arguments."""
LIMIT_SECONDS = 600
TITLES = ("row", "work", "against", "goal", "measured, median (range)", "met", "floor", "distance", "peak memory")


def run(name: str) -> list[Row] | str:
    """The rows of a benchmark, or why there are none."""
    script, *arguments = SCRIPTS[name]
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.json"
        command = [sys.executable, str(HERE / script), *arguments, "--rows", str(rows)]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                _, errors = process.communicate(timeout=LIMIT_SECONDS)
            except subprocess.TimeoutExpired:
                return f"not done after {LIMIT_SECONDS} s"
            finally:  # the processes that it started end with it
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode == 0:
            return read_rows(rows)
    print(errors, file=sys.stderr)
    last = errors.strip().splitlines()[-1:] or ["no message"]
    return f"ended with code {process.returncode}: {last[0]}"


def page(found: Mapping[str, list[Row] | str], minutes: float) -> str:
    """The table and, below it, what the rows say more."""
    lines = [
        "# Speed and memory, measured", "",
        "This page is written by `make bench`; its numbers are not edited. [docs/speed.md](../docs/speed.md) says how "
        "to read it.", "", f"{machine()}. {minutes:.0f} minutes.", "",
        f"| {' | '.join(TITLES)} |", "|---" * len(TITLES) + "|",
    ]  # fmt: skip
    notes = []
    for name, rows in found.items():
        if isinstance(rows, str):
            lines.append(
                f"| {name} | {_cell(' '.join(SCRIPTS[name]))} | - | - | {_cell(rows)} | **not measured** |  |  |  |"
            )
            continue
        lines += [f"| {' | '.join(map(_cell, row.cells()))} |" for row in rows]
        notes += [f"- {row.name}: {row.more}" for row in rows if row.more]
    lines += ["", "## More of each row", "", *notes] if notes else []
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs, tells, writes. The exit code is 1 where a benchmark could not be run."""
    found = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCRIPTS)}; default all")
    options = found.parse_args(arguments)
    if unknown := sorted(set(options.names) - set(SCRIPTS)):
        print(f"results: there is no benchmark {unknown[0]!r}; there are {', '.join(SCRIPTS)}", file=sys.stderr)
        return 2
    start, results = time.monotonic(), {}
    for name in options.names or SCRIPTS:
        print(f"{name} ... ", end="", flush=True, file=sys.stderr)
        results[name] = run(name)
        said = results[name] if isinstance(results[name], str) else f"{len(results[name])} rows"
        print(f"{said}, {time.monotonic() - start:.0f} s since the start", file=sys.stderr)
    text = page(results, (time.monotonic() - start) / 60)
    if options.names:
        print(text)
    else:
        write_text(PAGE, text)
        print(f"wrote {PAGE}", file=sys.stderr)
    return int(any(isinstance(each, str) for each in results.values()))


if __name__ == "__main__":
    sys.exit(main())
