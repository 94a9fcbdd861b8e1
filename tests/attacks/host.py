"""What a sandboxed program must not change: a look at the machine, to be compared with a later one."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from arena import MARK

import assay
from assay.grading.inside import NAME

LEFT = "assay_attack"
"""In the name of every file that an attack tries to leave behind; others make files in these folders too."""


@dataclass(frozen=True)
class Host:
    """Files as path -> (mode, owner, size, time of change), files left by attacks, environment, processes."""

    files: dict[str, tuple[int, int, int, int]]
    left: frozenset[str]
    environment: dict[str, str]
    sandboxes: frozenset[str]


def look() -> Host:
    """The machine now. Waits a second for processes that were killed to be gone."""
    watched = [Path("/dev/null"), Path(os.__file__), *Path(assay.__file__).parent.rglob("*.py")]
    folders = [tempfile.gettempdir(), os.path.expanduser("~"), os.getcwd(), "/dev/shm", "/"]
    deadline = time.monotonic() + 1
    while (running := sandboxes()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return Host(
        {str(path): _state(path) for path in watched},
        frozenset(name for folder in folders if os.path.isdir(folder) for name in os.listdir(folder) if LEFT in name),
        dict(os.environ),
        running,
    )


def sandboxes() -> frozenset[str]:
    """Process ids of programs of this test run: of its nurseries' processes, those that were cloned for a program."""
    mark = f"'reply_bytes': {MARK},".encode()
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            is_program = Path("/proc", pid, "comm").read_bytes().strip() == NAME
            if is_program and mark in Path("/proc", pid, "cmdline").read_bytes():
                found.add(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return frozenset(found)


def _state(path: Path) -> tuple[int, int, int, int]:
    found = path.stat()
    return found.st_mode, found.st_uid, found.st_size, 0 if path == Path("/dev/null") else found.st_mtime_ns
