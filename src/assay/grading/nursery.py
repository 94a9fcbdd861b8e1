"""Processes for programs of models, each cloned for one program in a sandbox of bubblewrap that has started already.

    with Process(CALLS, limits, confined=True) as process:
        os.write(process.given.fileno(), ...)

The nursery (`assay.grading.inside`) is a Python behind bubblewrap's walls. It clones a process into namespaces of its
own for a program, kills it when told, and waits for the next. It holds nothing of any program and reads nothing that
one writes. A nursery has one program at a time; it ends with the process that started it.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from io import FileIO
from pathlib import Path

from assay.grading.inside import ENDED, PATIENCE, READY, SCRIPT
from assay.grading.seccomp import filter_program, forbidden_calls

START_SECONDS = 10.0
"""A sandbox that is not there by then has failed; starting it takes some 50 ms, and is not the program's time."""
NAMESPACES = 0x20000 | 0x4000000 | 0x8000000 | 0x20000000
"""Of mounts, the machine's name, System V and process ids: each program's own. The network is the nursery's: it is
empty, no socket can be made in it, and one more would take longer to make and unmake than most programs run."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one program: processor and wall time in seconds, address space, files, what a call or a script may return.

    `file_mib` above 0 gives it a /tmp of that size, which vanishes with it. Its files cost kernel memory that no limit
    covers, 1 KiB for an empty one, 100,000 a second; so there is none unless it is asked for.
    """

    cpu_seconds: int = 5
    wall_seconds: float = 10.0
    memory_mib: int = 512
    file_mib: int = 0
    open_files: int = 32
    output_bytes: int = 1 << 20


class NotStarted(Exception):
    """The sandbox ended, or did nothing for long, before it was given the program: whose fault that cannot be."""


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: its status as a shell says it, signals from 128, and its processor time.

    The status is None where it did not end by itself and was killed.
    """

    status: int | None
    cpu_seconds: float


class Process:
    """A process that waits for one program; a context manager, and what is left of it then is killed.

    `given` and `output` are our ends of its pipes; a script is read from `source`, which is None for calls. Entering
    raises NotStarted where it does not come to ask for its program.
    """

    def __init__(self, mode: bytes, limits: Limits, confined: bool) -> None:
        self.mode, self.limits, self.confined = mode, limits, confined
        self._end: End | None = None

    def __enter__(self) -> "Process":
        self.nursery = _take(self.limits, self.confined)
        pipes = [os.pipe() for _ in range(3 if self.mode == SCRIPT else 2)]
        (_, given), (output, _), *source = pipes
        self.given, self.output = FileIO(given, "w"), FileIO(output)
        self.source = FileIO(source[0][1], "w") if source else None
        theirs = [pipes[0][0], pipes[1][1], *(reading for reading, _ in source)]
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has ended: what it said follows
                socket.send_fds(self.nursery.control, [self.mode], theirs)
            for descriptor in theirs:
                os.close(descriptor)
            self._wait_until_ready()
        except BaseException:
            self.nursery.close()
            self._close_pipes()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.end()
        finally:
            self._close_pipes()

    def end(self, patience: float = 0.0) -> End:
        """Waits so many seconds for its end, kills it, and says how it ended; the same when asked again.

        Where the nursery does not answer, as when this was interrupted before, nothing else is run in it.
        """
        if self._end is not None:
            return self._end
        self._end = End(None, 0.0)
        is_spent = True
        try:
            self.nursery.control.sendall(PATIENCE.pack(patience))
            answer = self.nursery.control.recv(ENDED.size, socket.MSG_WAITALL)
            if answer:
                by_itself, code, cpu_seconds, is_spent = ENDED.unpack(answer)
                self._end = End((code if code >= 0 else 128 - code) if by_itself else None, cpu_seconds)
        except (BrokenPipeError, ConnectionResetError):
            self._end = End(128 + signal.SIGKILL, 0.0)
        finally:
            if is_spent:
                self.nursery.close()
            else:
                _idle(os.getpid(), self.limits, self.confined).append(self.nursery)
        return self._end

    def _wait_until_ready(self) -> None:
        """Until it asks for its program; afterwards nothing of it holds the nursery's standard error."""
        ready, _, _ = select.select([self.output], [], [], START_SECONDS)
        if ready and os.read(self.output.fileno(), 1) == READY:
            return
        how = "ended" if ready else f"did not start within {START_SECONDS:g} s"
        said = self.nursery.said()
        raise NotStarted(f"the sandbox {how}{said and ': '}{said}")

    def _close_pipes(self) -> None:
        for pipe in (self.given, self.output, self.source):
            if pipe is not None:
                pipe.close()


class Nursery:
    """Started bubblewrap, or without walls Python alone, which serves `control`."""

    def __init__(self, limits: Limits, confined: bool) -> None:
        options = {
            "namespaces": NAMESPACES if confined else 0,
            "clone_call": forbidden_calls()["clone"] if confined else None,
            "filter": filter_program() if confined else b"",
            "tmp_bytes": limits.file_mib << 20,
            "reply_bytes": limits.output_bytes,
            "rlimits": {
                "RLIMIT_CPU": (limits.cpu_seconds, limits.cpu_seconds),
                "RLIMIT_AS": (limits.memory_mib << 20,) * 2,
                "RLIMIT_FSIZE": (limits.file_mib << 20,) * 2,
                "RLIMIT_NOFILE": (limits.open_files,) * 2,
                "RLIMIT_CORE": (1, 1),  # neither a file nor, as of 0, a program of the host that takes it
            },
        }
        command = [*_walls(limits.file_mib << 20)] if confined else []
        command += [sys._base_executable, "-s", "-S", "-B", "-P", "-c", _inside(), repr(options)]  # type: ignore[attr-defined]
        self.control, theirs = socket.socketpair()
        with theirs:
            self.process = _starter(os.getpid()).submit(_start, command, theirs.fileno(), not confined).result()
        self.close = weakref.finalize(self, _close, self.control, self.process)

    def said(self) -> str:
        """What went wrong, in its own words, as far as it has said so."""
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        return (self.process.stdout.read(300) or b"").decode("utf-8", "replace").strip()


@cache
def _starter(process: int) -> ThreadPoolExecutor:
    """The thread that starts the nurseries of a process of ours: bubblewrap ends with the thread that started it."""
    return ThreadPoolExecutor(1, f"nurseries of {process}")


def _start(command: list[str], control: int, own_session: bool) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command, stdin=control, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=own_session
    )


def _close(control: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    """Ends the sandbox, whose processes go with it; without walls it first ends the group of its program."""
    control.close()
    if process.args[0] != "bwrap":  # type: ignore[index]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _take(limits: Limits, confined: bool) -> Nursery:
    idle = _idle(os.getpid(), limits, confined)
    while idle:
        nursery = idle.pop()
        if nursery.process.poll() is None:
            return nursery
        nursery.close()
    return Nursery(limits, confined)


@cache
def _idle(process: int, limits: Limits, confined: bool) -> list[Nursery]:
    """The nurseries that a process of ours has, and that have no program."""
    return []


def close_idle() -> None:
    """Ends the nurseries that wait for a program."""
    _idle.cache_clear()


@cache
def _inside() -> str:
    return Path(__file__).with_name("inside.py").read_text(encoding="utf-8")


@cache
def _walls(tmp_bytes: int) -> tuple[str, ...]:
    """bubblewrap and its arguments: new namespaces, and of the system only Python and its libraries.

    The one capability is the right to make namespaces, which a program's process gives up before it reads the program.

    Folders of installed packages are covered: some of them hold benchmarks, with tests and solutions.
    """
    walls = ["bwrap", "--unshare-user", "--unshare-all", "--disable-userns", "--uid", "65534", "--gid", "65534"]
    walls += ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--new-session", "--die-with-parent"]
    walls += ["--hostname", "sandbox", "--clearenv"]
    walls += ["--setenv", "PYTHONHASHSEED", "0", "--setenv", "LANG", "C.UTF-8", "--setenv", "HOME", "/home"]
    if tmp_bytes:
        walls += ["--size", str(tmp_bytes), "--tmpfs", "/tmp"]
    system = ["/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64"]
    for folder in dict.fromkeys([*system, f"{sys.base_prefix}/lib", f"{sys.base_prefix}/lib64"]):
        if os.path.islink(folder):
            walls += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            walls += ["--ro-bind", folder, folder]
            for packages in sorted(Path(folder).glob("python*/*-packages")):
                walls += ["--size", "4096", "--tmpfs", str(packages), "--remount-ro", str(packages)]
    python = sys._base_executable  # type: ignore[attr-defined]
    walls += ["--ro-bind", os.path.realpath(python), python]
    return (*walls, "--dir", "/home", "--remount-ro", "/", "--chdir", "/home")
