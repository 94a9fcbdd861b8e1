"""Runs a model's program in a sandbox of bubblewrap, and calls its functions from outside.

    with Program(source, Limits()) as program:
        program.call("add", (1, 2))

One sandbox a program: no network, one process of one thread, an empty home, a read-only Python and the system's
libraries without any installed package, nowhere to write, hard limits, and a filter of system calls
(`assay.grading.seccomp`). What comes back is a literal of plain values, of a bounded size, read without evaluating
anything. What the program cannot know, it cannot fake: tests and expected values stay outside.
"""

import contextlib
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from assay.errors import RunError
from assay.grading.inside import OUT_OF_MEMORY, READY, encode, with_any_digits
from assay.grading.literals import NO_ANSWER, decode, literal
from assay.grading.seccomp import filter_program, is_supported

Kind = Literal["exception", "timeout", "memory", "killed"]

START_SECONDS = 10.0
"""A sandbox that is not there by then has failed; starting it takes some 20 ms, and is not the program's time."""


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


class Failed(Exception):
    """The program did not return a value: it raised ("exception"), or its process is gone; `kind` says how."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail = kind, detail


class NotStarted(Exception):
    """The sandbox ended, or did nothing for long, before it was given the program: whose fault that cannot be."""


class NotPlain(Exception):
    """The tests call the program with what cannot cross: anything but plain values."""


@cache
def why_not() -> str | None:
    """Why programs cannot be sandboxed on this machine; None where they can."""
    if not is_supported():
        return "the sandbox needs Linux on x86-64 or arm64"
    if shutil.which("bwrap") is None:
        return "bubblewrap (bwrap) is not installed: on Debian, apt install bubblewrap"
    try:
        with Program("def one(): return 1", Limits()) as program:
            found = program.call("one", ())
    except (Failed, NotStarted) as error:
        return f"bubblewrap does not work here ({error}): are user namespaces allowed?"
    return None if found == 1 else "bubblewrap does not work here"


def require(otherwise: str = "") -> None:
    """Raises RunError where there is no sandbox; `otherwise` is what can be done about it but to install one."""
    reason = why_not()
    if reason is not None:
        raise RunError(f"code cannot be run safely: {reason}{otherwise and '; '}{otherwise}")


class Program:
    """A program in its own sandbox; `call` its functions. A context manager: leaving ends all its processes.

    With `confined` False there are no walls, only the limits: the program can do to this machine what its user can.
    What it says of its own results is trusted as little as ever. `failed` is how its process ended, where it has.
    Entering raises NotStarted where the sandbox does not start, and Failed where the program does not.
    """

    def __init__(self, source: str, limits: Limits, confined: bool = True) -> None:
        self.source, self.limits, self.confined = source, limits, confined
        self.failed: Failed | None = None

    def __enter__(self) -> "Program":
        self.process = _start("calls", self.limits, self.confined)
        self.deadline = time.monotonic() + self.limits.wall_seconds
        try:
            assert self.process.stdin is not None
            os.set_blocking(self.process.stdin.fileno(), False)
            self._send(self.source.encode("utf-8", "surrogatepass"))
            self._answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _end(self.process)

    def call(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any] | None = None) -> Any:
        """What the program's function returns: a plain value. Raises Failed; NotPlain where an argument is none."""
        if self.failed is not None:
            raise self.failed
        message = (name, tuple(arguments), dict(keywords or {}))
        try:
            encode(message, depth=-8)  # so that what came back can be passed on
            data = str(with_any_digits(repr, message)).encode("utf-8", "surrogatepass")
        except TypeError as error:
            raise NotPlain(f"an argument holds what cannot cross: {error}") from None
        try:
            self._send(data)
            return self._answer()
        except Failed as failed:
            if failed.kind != "exception":
                self.failed = failed
            raise

    def _send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        data = struct.pack("!I", len(data)) + data
        descriptor = self.process.stdin.fileno()
        while data:
            _, ready, _ = select.select([], [descriptor], [], self.left())
            if not ready:
                raise Failed("timeout", f"more than {self.limits.wall_seconds:g} s")
            try:
                data = data[os.write(descriptor, data) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._how_it_died() from None

    def _answer(self) -> Any:
        size = struct.unpack("!I", self._read(4))[0]
        if size > self.limits.output_bytes + 1024:
            raise Failed("killed", "it answered more than it may")
        try:
            answer = literal(self._read(size).decode("utf-8", "surrogatepass"))
            verdict, *rest = answer
            if verdict == "value":
                return decode(rest[0])
            kind, message = rest
            if verdict != "raised" or not isinstance(kind, str) or not isinstance(message, str):
                raise ValueError
        except NO_ANSWER as error:
            raise Failed("killed", f"its answer is no answer ({type(error).__name__})") from None
        raise Failed("memory" if kind == "MemoryError" else "exception", f"{kind[:80]}: {message[:300]}")

    def _read(self, size: int) -> bytes:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        parts = []
        while size:
            ready, _, _ = select.select([descriptor], [], [], self.left())
            if not ready:
                raise Failed("timeout", f"more than {self.limits.wall_seconds:g} s")
            part = os.read(descriptor, min(size, 1 << 16))
            if not part:
                raise self._how_it_died()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def left(self) -> float:
        """Seconds of its wall time that are left."""
        return max(0.0, self.deadline - time.monotonic())

    def _how_it_died(self) -> Failed:
        return _death(_status(self.process, self.left()), self.limits)


def _status(process: "subprocess.Popen[bytes]", patience: float) -> int | None:
    """How the process ended, as a shell says it: signals from 128. None where it closed its pipes and lives on."""
    try:
        code = process.wait(patience)
    except subprocess.TimeoutExpired:
        return None
    return code if code >= 0 else 128 - code


def _death(status: int | None, limits: Limits) -> Failed:
    if status is None:
        return Failed("timeout", f"more than {limits.wall_seconds:g} s")
    if status == 128 + signal.SIGXCPU:
        return Failed("timeout", f"more than {limits.cpu_seconds} s of processor time")
    return Failed("killed", f"its process ended with status {status}")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended: its standard output, and None or how it failed."""

    output: str
    failed: Failed | None


def run_script(source: str, given: str, limits: Limits, confined: bool = True) -> Ended:
    """Runs a program that reads `given` from standard input and writes its answer to standard output.

    Raises NotStarted where the sandbox does not start.
    """
    reading, writing = os.pipe()
    try:
        process = _start("script", limits, confined, source_fd=reading)
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    try:
        data = source.encode("utf-8", "surrogatepass")
        return _talk(process, writing, struct.pack("!I", len(data)) + data, given.encode(), limits)
    finally:
        _end(process)


def _talk(process: "subprocess.Popen[bytes]", writing: int, source: bytes, given: bytes, limits: Limits) -> Ended:
    """Feeds source and input, and reads the output, none waiting for another, until the end or a limit."""
    assert process.stdin is not None and process.stdout is not None
    deadline = time.monotonic() + limits.wall_seconds
    reading, feeds = process.stdout.fileno(), {writing: source, process.stdin.fileno(): given}
    for descriptor in feeds:
        os.set_blocking(descriptor, False)
    output = b""
    failed = None
    try:
        while True:
            ready, wants, _ = select.select([reading], list(feeds), [], max(0.0, deadline - time.monotonic()))
            if time.monotonic() > deadline or not (ready or wants):
                failed = Failed("timeout", f"more than {limits.wall_seconds:g} s")
                break
            for descriptor in wants:
                try:
                    feeds[descriptor] = feeds[descriptor][os.write(descriptor, feeds[descriptor]) :]
                except BrokenPipeError:
                    feeds[descriptor] = b""
                if not feeds[descriptor]:
                    del feeds[descriptor]
                    os.close(descriptor) if descriptor == writing else process.stdin.close()
            if ready:
                part = os.read(reading, 1 << 16)
                if not part:
                    break
                output += part
                if len(output) > limits.output_bytes:
                    failed = Failed("killed", "it wrote more than it may")
                    break
    finally:
        if writing in feeds:
            os.close(writing)
    if failed is None:
        failed = _how_script_ended(_status(process, max(0.0, deadline - time.monotonic())), limits)
    return Ended(output.decode("utf-8", "replace"), failed)


def _how_script_ended(status: int | None, limits: Limits) -> Failed | None:
    if status == 0:
        return None
    if status == OUT_OF_MEMORY:
        return Failed("memory", f"more than {limits.memory_mib} MiB")
    if status is not None and status < 128:
        return Failed("exception", f"it ended with status {status}")
    return _death(status, limits)


def _start(mode: str, limits: Limits, confined: bool, source_fd: int | None = None) -> "subprocess.Popen[bytes]":
    options = {
        "mode": mode,
        "source_fd": source_fd,
        "reply_bytes": limits.output_bytes,
        "rlimits": {
            "RLIMIT_CPU": (limits.cpu_seconds, limits.cpu_seconds + 1),
            "RLIMIT_AS": (limits.memory_mib << 20,) * 2,
            "RLIMIT_FSIZE": (limits.file_mib << 20,) * 2,
            "RLIMIT_NOFILE": (limits.open_files,) * 2,
            "RLIMIT_CORE": (0, 0),
        },
    }
    python = (sys._base_executable, "-s", "-S", "-B", "-P", "-c", _inside(), repr(options))  # type: ignore[attr-defined]
    with tempfile.TemporaryFile() as filter_file:
        kept = [source_fd] if source_fd is not None else []
        walls: tuple[str, ...] = ()
        if confined:
            filter_file.write(filter_program())
            filter_file.seek(0)
            kept.append(filter_file.fileno())
            walls = ("bwrap", "--seccomp", str(filter_file.fileno()), *_walls(limits.file_mib << 20))
        process = subprocess.Popen(
            [*walls, *python],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=kept,
            start_new_session=not confined,
        )
    try:
        _wait_until_ready(process)
    except BaseException:
        _end(process)
        raise
    return process


def _wait_until_ready(process: "subprocess.Popen[bytes]") -> None:
    """Until the sandbox asks for its program; afterwards nothing in it holds its standard error."""
    assert process.stdout is not None and process.stderr is not None
    ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    if ready and os.read(process.stdout.fileno(), 1) == READY:
        return
    os.set_blocking(process.stderr.fileno(), False)
    said = (process.stderr.read(300) or b"").decode("utf-8", "replace").strip()
    how = "ended" if ready else f"did not start within {START_SECONDS:g} s"
    raise NotStarted(f"the sandbox {how}{said and ': '}{said}")


@cache
def _inside() -> str:
    return Path(__file__).with_name("inside.py").read_text(encoding="utf-8")


@cache
def _walls(tmp_bytes: int) -> tuple[str, ...]:
    """bubblewrap's arguments: new namespaces, no capabilities, and of the system only Python and its libraries.

    Folders of installed packages are covered: some of them hold benchmarks, with tests and solutions.
    """
    walls = ["--unshare-user", "--unshare-all", "--disable-userns", "--uid", "65534", "--gid", "65534"]
    walls += ["--cap-drop", "ALL", "--new-session", "--die-with-parent", "--hostname", "sandbox", "--clearenv"]
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


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kills the sandbox, whose processes go with it (without walls: its group), and closes the pipes."""
    if process.args[0] == "bwrap":  # type: ignore[index]
        process.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
