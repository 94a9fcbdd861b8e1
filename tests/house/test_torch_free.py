"""What must start at once does, in a new process: no torch where none is needed, and help in under half a second."""

import subprocess
import sys
import time

from test_imports import TORCH_FREE, room
from walk_source import modules

HEAVY = ("torch", "transformers", "tokenizers", "safetensors", "datasets")
SLOW = (*HEAVY, "polars", "altair", "scipy", "numpy", "pydantic", "rich", "jinja2")


def loaded_after(code: str, watched: tuple[str, ...]) -> set[str]:
    """Which of the watched packages are loaded in a new process that has run `code`."""
    report = f"import sys; print('loaded', *[name for name in {watched!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


def test_the_watch_sees_torch() -> None:
    """Else the other tests here would pass whatever happens."""
    assert loaded_after("import sys; sys.modules['torch'] = sys", HEAVY) == {"torch"}


def test_torch_free_rooms_load_no_torch() -> None:
    names = [name for name in modules() if room(name) in TORCH_FREE or name == "assay.cli.main"]
    assert len(names) > 5
    assert loaded_after("\n".join(f"import {name}" for name in names), HEAVY) == set()


def test_help_loads_nothing_slow() -> None:
    assert loaded_after("from assay.cli.main import run\nassert run(['--help']) == 0", SLOW) == set()


def test_help_answers_in_half_a_second() -> None:
    """The best of five, since the machine may be busy with something else."""
    best = min(seconds_of([sys.executable, "-m", "assay", "--help"]) for _ in range(5))
    assert best < 0.5, f"assay --help took {best:.2f} s"


def seconds_of(command: list[str]) -> float:
    """Wall-clock seconds of a command that succeeds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60)
    return time.perf_counter() - start
