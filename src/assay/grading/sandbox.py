"""Runs a model's program in a sandbox of bubblewrap, and calls its functions from outside.

    with Program(source, Limits()) as program:
        program.call("add", (1, 2))

A program has a process of its own (`assay.grading.nursery`): no network, one thread, an empty home, a read-only Python
and the system's libraries without any installed package, nowhere to write, hard limits, and a filter of system calls
(`assay.grading.seccomp`). What comes back is a literal of plain values, of a bounded size, read without evaluating
anything. What the program cannot know, it cannot fake: tests and expected values stay outside.
"""

import os
import select
import shutil
import signal
import struct
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from assay.errors import RunError
from assay.grading.inside import CALLS, OUT_OF_MEMORY, SCRIPT, encode, with_any_digits
from assay.grading.literals import NO_ANSWER, decode, literal
from assay.grading.nursery import End, Limits, NotStarted, Process, close_idle
from assay.grading.seccomp import is_supported

__all__ = ["Ended", "Failed", "Limits", "NotPlain", "NotStarted", "Program", "require", "run_script", "why_not"]

Kind = Literal["exception", "timeout", "memory", "killed"]


class Failed(Exception):
    """The program did not return a value: it raised ("exception"), or its process is gone; `kind` says how."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind, self.detail = kind, detail


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
    finally:
        close_idle()  # programs are run by other processes than those that ask
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
        self.process = Process(CALLS, self.limits, self.confined).__enter__()
        self.deadline = time.monotonic() + self.limits.wall_seconds
        try:
            os.set_blocking(self.process.given.fileno(), False)
            self._send(self.source.encode("utf-8", "surrogatepass"))
            self._answer()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.__exit__()

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
        data = struct.pack("!I", len(data)) + data
        descriptor = self.process.given.fileno()
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
        descriptor = self.process.output.fileno()
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
        return _death(self.process.end(self.left()), self.limits)


def _death(end: End, limits: Limits) -> Failed:
    if end.status == 128 + signal.SIGKILL and end.cpu_seconds > limits.cpu_seconds / 2:  # by two clocks of the kernel
        return Failed("timeout", f"more than {limits.cpu_seconds} s of processor time")
    if end.status is None:
        return Failed("timeout", f"more than {limits.wall_seconds:g} s")
    return Failed("killed", f"its process ended with status {end.status}")


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended: its standard output, and None or how it failed."""

    output: str
    failed: Failed | None


def run_script(source: str, given: str, limits: Limits, confined: bool = True) -> Ended:
    """Runs a program that reads `given` from standard input and writes its answer to standard output.

    Raises NotStarted where the sandbox does not start.
    """
    data = source.encode("utf-8", "surrogatepass")
    with Process(SCRIPT, limits, confined) as process:
        return _talk(process, struct.pack("!I", len(data)) + data, given.encode(), limits)


def _talk(process: Process, source: bytes, given: bytes, limits: Limits) -> Ended:
    """Feeds source and input, and reads the output, none waiting for another, until the end or a limit."""
    assert process.source is not None
    deadline = time.monotonic() + limits.wall_seconds
    reading, feeds = process.output.fileno(), {process.source: source, process.given: given}
    for pipe in feeds:
        os.set_blocking(pipe.fileno(), False)
    output = b""
    failed = None
    while True:
        ready, wants, _ = select.select([reading], list(feeds), [], max(0.0, deadline - time.monotonic()))
        if time.monotonic() > deadline or not (ready or wants):
            failed = Failed("timeout", f"more than {limits.wall_seconds:g} s")
            break
        for pipe in wants:
            try:
                feeds[pipe] = feeds[pipe][os.write(pipe.fileno(), feeds[pipe]) :]
            except BrokenPipeError:
                feeds[pipe] = b""
            if not feeds[pipe]:
                del feeds[pipe]
                pipe.close()
        if ready:
            part = os.read(reading, 1 << 16)
            if not part:
                break
            output += part
            if len(output) > limits.output_bytes:
                failed = Failed("killed", "it wrote more than it may")
                break
    if failed is None:
        failed = _how_script_ended(process.end(max(0.0, deadline - time.monotonic())), limits)
    return Ended(output.decode("utf-8", "replace"), failed)


def _how_script_ended(end: End, limits: Limits) -> Failed | None:
    if end.status == 0:
        return None
    if end.status == OUT_OF_MEMORY:
        return Failed("memory", f"more than {limits.memory_mib} MiB")
    if end.status is not None and end.status < 128:
        return Failed("exception", f"it ended with status {end.status}")
    return _death(end, limits)
