"""Where the time of `assay demo` goes, in this tree and in an earlier one: docs/demo_profile.md.

    python benchmarks/demo_profile.py --before 4aa8889 --page docs/demo_profile.md

The earlier revision is checked out into a folder of its own. Both demos run `--rounds` times by turns, each in a
process of its own with this Python and its libraries. Parts of a training step are what the run logged of itself
(`time/*` of metrics.jsonl); the rest is told by when the files of a demo were written last.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from measured import machine, spread

from assay.files import write_text

ROOT = Path(__file__).resolve().parents[1]
LOGGED = {
    "generation": "time/rollout",
    "grading": "time/grading",
    "updates": "time/train",
    "evaluation": "time/evaluation",
}
REST = ("rest of the steps", "start, checkpoints, last evaluation", "samples for the audit", "audit and report")
PARTS = (*LOGGED, *REST)
Profile = Mapping[str, float]
"""Seconds of each part and of the `whole`, and `peak`, MiB of resident memory."""


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """The files of a revision in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="assay-before-") as folder:
        archive = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)
        yield Path(folder)


def demo(tree: Path, set_: Sequence[str]) -> Profile:
    """Runs the demo of a tree from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="assay-demo-") as folder:
        out = Path(folder) / "demo"
        overrides = [word for each in set_ for word in ("--set", each)]
        environment = {**os.environ, "PYTHONPATH": str(tree / "src")}
        began = time.time()
        with (Path(folder) / "errors").open("w+", encoding="utf-8") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "assay", "demo", "--out", str(out), *overrides],
                cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors,
            )  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            whole = time.time() - began
            errors.seek(0)
            if status:
                raise RuntimeError(f"the demo of {tree} failed: {errors.read()[-2000:]}")
        return _parts(out, began, whole) | {"whole": whole, "peak": usage.ru_maxrss / 1024}


def _parts(out: Path, began: float, whole: float) -> dict[str, float]:
    """Seconds of the parts, by what the run logged and when its files were written."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text("utf-8").splitlines()]
    logged = {part: sum(row.get(key) or 0.0 for row in rows) for part, key in LOGGED.items()}
    steps = sum(row.get("step_time") or 0.0 for row in rows)
    trained = max(path.stat().st_mtime for path in (out / "model").rglob("*") if path.is_file())
    sampled = max(path.stat().st_mtime for path in (out / "audit" / "samples").iterdir())
    return {
        **logged,
        "rest of the steps": steps - sum(logged.values()),
        "start, checkpoints, last evaluation": trained - began - steps,
        "samples for the audit": sampled - trained,
        "audit and report": began + whole - sampled,
    }


def page(revision: str, options: Sequence[str], found: Mapping[str, Sequence[Profile]]) -> str:
    """The page in Markdown; `found` has the profiles of the two sides, before and now."""
    sides = list(found)

    def row(part: str, form: str) -> str:
        values = [[profile[part] for profile in found[side]] for side in sides]
        before, now = map(statistics.median, values)
        shown = " | ".join(spread(each, form) for each in values)
        return f"| {part} | {shown} | {f'{before / now:.1f} x' if now >= 0.05 else '-'} |"

    command = " ".join(["python benchmarks/demo_profile.py", *options])
    rounds = len(found[sides[0]])
    return "\n".join(
        [
            "# A profile of the demo",
            "",
            f"Written by `{command}`. {machine()}.",
            "",
            f"Seconds of `assay demo` by its parts, median (range) of {rounds}: at revision {revision}, before the "
            "work on speed, and now. Both ran by turns with the same Python and libraries.",
            "",
            "| part | before | now | before / now |",
            "|---|---|---|---|",
            *(row(part, ".1f") for part in PARTS),
            row("whole", ".0f"),
            "",
            "Peak of resident memory, MiB: "
            + "; ".join(f"{side} {spread([each['peak'] for each in found[side]], ',.0f')}" for side in sides)
            + ".",
            "",
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints; with --page also writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", required=True, metavar="REVISION", help="of git, to compare with")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--set", dest="set_", action="append", default=[], help="as of assay demo; repeatable")
    parser.add_argument("--page", type=Path)
    options = parser.parse_args(arguments)
    found: dict[str, list[Profile]] = {"before": [], "now": []}
    with checked_out(options.before) as earlier:
        for at in range(options.rounds):
            sides = {"before": earlier, "now": ROOT}
            for side in list(sides)[:: 1 if at % 2 else -1]:
                found[side].append(demo(sides[side], options.set_))
                print(f"round {at + 1}, {side}: {found[side][-1]['whole']:.0f} s", file=sys.stderr, flush=True)
    given = [f"--before {options.before}", f"--rounds {options.rounds}", *(f"--set {each}" for each in options.set_)]
    if options.page:
        given.append(f"--page {options.page}")
    text = page(options.before, given, found)
    print(text)
    if options.page:
        write_text(options.page, text)


if __name__ == "__main__":
    main()
