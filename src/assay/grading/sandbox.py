"""Runs a model's program in a sandbox of bubblewrap, and calls its functions from outside.

    with Program(source, Limits()) as program:
        program.call("add", (1, 2))

One sandbox a program: no network, no processes but its own, an empty home, a read-only Python and its libraries, a
small /tmp that vanishes with it, hard limits, and a filter of system calls (`assay.grading.seccomp`). What comes back
is a literal of plain values, of a bounded size, read without evaluating anything. What the program cannot know, it
cannot fake: tests and expected values stay outside.
"""

import ast
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
from assay.grading.seccomp import filter_program, is_supported

Kind = Literal["exception", "timeout", "memory", "killed"]

DEEPEST = 300
"""Brackets that may be open at once in an answer."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one program: processor and wall time in seconds, address space, what it may write, what a call may return."""

    cpu_seconds: int = 5
    wall_seconds: float = 10.0
    memory_mib: int = 512
    file_mib: int = 8
    open_files: int = 32
    output_bytes: int = 1 << 20


class Failed(Exception):
    """The program did not return a value: it raised ("exception"), or its process is gone; `kind` says how."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail = kind, detail


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
    except Failed as error:
        return f"bubblewrap does not work here ({error.detail}): are user namespaces allowed?"
    return None if found == 1 else "bubblewrap does not work here"


def require() -> None:
    """Raises RunError where there is no sandbox."""
    reason = why_not()
    if reason is not None:
        raise RunError(f"code cannot be run safely: {reason}")


class Program:
    """A program in its own sandbox; `call` its functions. A context manager: leaving ends all its processes.

    With `confined` False there are no walls, only the limits: the program can do to this machine what its user can.
    What it says of its own results is trusted as little as ever. `failed` is how its process ended, where it has.
    """

    def __init__(self, source: str, limits: Limits, confined: bool = True) -> None:
        self.source, self.limits, self.confined = source, limits, confined
        self.failed: Failed | None = None

    def __enter__(self) -> "Program":
        self.deadline = time.monotonic() + self.limits.wall_seconds
        self.process = _start("calls", self.limits, self.confined)
        assert self.process.stdin is not None and self.process.stdout is not None
        os.set_blocking(self.process.stdin.fileno(), False)
        self._send(self.source.encode("utf-8", "surrogatepass"))
        try:
            self._answer()
        except Failed:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _end(self.process)

    def call(self, name: str, arguments: Sequence[Any], keywords: Mapping[str, Any] | None = None) -> Any:
        """What the program's function returns: a plain value. Raises Failed."""
        if self.failed is not None:
            raise self.failed
        try:
            self._send(repr((name, tuple(arguments), dict(keywords or {}))).encode("utf-8", "surrogatepass"))
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
            _, ready, _ = select.select([], [descriptor], [], self._left())
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
            answer = _literal(self._read(size).decode("utf-8", "surrogatepass"))
            verdict, *rest = answer
            if verdict == "value":
                return decode(rest[0])
            kind, message = rest
            if verdict != "raised" or not isinstance(kind, str) or not isinstance(message, str):
                raise ValueError
        except (ValueError, SyntaxError, TypeError, KeyError, RecursionError, MemoryError) as error:
            raise Failed("killed", f"its answer is no answer ({type(error).__name__})") from None
        raise Failed("memory" if kind == "MemoryError" else "exception", f"{kind[:80]}: {message[:300]}")

    def _read(self, size: int) -> bytes:
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        parts = []
        while size:
            ready, _, _ = select.select([descriptor], [], [], self._left())
            if not ready:
                raise Failed("timeout", f"more than {self.limits.wall_seconds:g} s")
            part = os.read(descriptor, min(size, 1 << 16))
            if not part:
                raise self._how_it_died()
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def _left(self) -> float:
        return max(0.0, self.deadline - time.monotonic())

    def _how_it_died(self) -> Failed:
        return how_it_died(self.process, self.limits)


def how_it_died(process: "subprocess.Popen[bytes]", limits: Limits) -> Failed:
    """What the end of a sandbox's process means."""
    code = process.wait()
    if code == 128 + signal.SIGXCPU:
        return Failed("timeout", f"more than {limits.cpu_seconds} s of processor time")
    return Failed("killed", f"its process ended with status {code}")


def decode(value: Any) -> Any:
    """The value that `inside.encode` wrote. Raises ValueError, TypeError or KeyError for anything else."""
    tag, payload = value
    if tag == "v":
        if payload is not None and type(payload) not in (bool, int, str, bytes):
            raise TypeError
        return payload
    if tag in ("f", "c"):
        return {"f": float, "c": complex}[tag](payload)
    if tag == "dict":
        return {decode(key): decode(each) for key, each in payload}
    if tag == "range":
        return range(*payload)
    kinds: dict[str, type] = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}
    return kinds[tag](decode(each) for each in payload)


def _literal(text: str) -> Any:
    """A literal, after a look at its depth: the parser of a deeply nested one would use up the stack."""
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    if deepest > DEEPEST:
        raise ValueError("too deep")
    return ast.literal_eval(text)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended: its standard output, and None or how it failed."""

    output: str
    failed: Failed | None


def run_script(source: str, given: str, limits: Limits, confined: bool = True) -> Ended:
    """Runs a program that reads `given` from standard input and writes its answer to standard output."""
    reading, writing = os.pipe()
    process = _start("script", limits, confined, source_fd=reading)
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
            if not ready and not wants:
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
    if failed is None and process.wait() != 0:
        failed = how_it_died(process, limits)
        if process.returncode < 128:
            failed = Failed("exception", f"it ended with status {process.returncode}")
    return Ended(output.decode("utf-8", "replace"), failed)


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
        return subprocess.Popen(
            [*walls, *python],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=kept,
            start_new_session=not confined,
        )


@cache
def _inside() -> str:
    return Path(__file__).with_name("inside.py").read_text(encoding="utf-8")


@cache
def _walls(tmp_bytes: int) -> tuple[str, ...]:
    """bubblewrap's arguments: new namespaces, no capabilities, and of the system only Python and its libraries."""
    walls = ["--unshare-user", "--unshare-all", "--disable-userns", "--uid", "65534", "--gid", "65534"]
    walls += ["--cap-drop", "ALL", "--new-session", "--die-with-parent", "--clearenv"]
    walls += ["--setenv", "PYTHONHASHSEED", "0", "--setenv", "LANG", "C.UTF-8", "--setenv", "HOME", "/home"]
    for folder in ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib"):
        if os.path.islink(folder):
            walls += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            walls += ["--ro-bind", folder, folder]
    python = sys._base_executable  # type: ignore[attr-defined]
    if sys.base_prefix in ("/usr", "/usr/local"):
        walls += ["--ro-bind", os.path.realpath(python), python]
    else:
        walls += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    walls += ["--dir", "/home", "--size", str(tmp_bytes), "--tmpfs", "/tmp", "--remount-ro", "/", "--chdir", "/tmp"]
    return tuple(walls)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kills the sandbox, whose processes go with it, and closes the pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                continue
