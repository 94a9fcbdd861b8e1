"""What runs in the sandbox, before and around the programs of models. It stands alone: nothing of Assay is there.

Read as text and started with `python -c`, with options as its argument and a control socket as descriptor 0. That
first process, the nursery, never runs a program. For each request, a byte for the mode with the program's descriptors,
it clones a process into namespaces of its own, which gives up all rights before it says in one byte that it is ready,
then reads and runs one program. Asked for its end, the nursery kills it and says how it ended.

Messages are length-prefixed; the first holds the program. In mode "calls" the program is run once, then each message is
a call (name, arguments, keyword arguments), a Python literal, and its answer another: ("value", encoded) or ("raised",
type, message). In mode "script" the program is run as __main__ on standard input and output. Nothing here is secret and
nothing here decides: expected values, comparisons and the verdict are outside.
"""

import contextlib
import ctypes
import gc
import io
import os
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable

CALLS, SCRIPT = b"c", b"s"
PATIENCE = struct.Struct("!d")
ENDED = struct.Struct("!?id?")
"""Whether it ended by itself, its status as `subprocess` says it, processor seconds, whether the nursery is spent."""
WARM = """
import bisect, collections, copy, functools, heapq, itertools, math, operator, random, re, string, typing
def f(values):
    found = []
    for place, value in enumerate(values):
        try:
            found.append(str(value)[place] + f"{value}")
        except IndexError as error:
            found.append(str(error))
    return sorted(each for each in found if each != "x"), {len(found): (True, 0.5)}
"""
"""Stands for all programs: what they commonly import and do takes Python longer the first time than their tests do."""
NAME = b"program"
"""Of a process that runs one, as `ps` shows it."""
_CAPABILITIES_3 = 0x20080522
_NOSUID_NODEV = 6
_SET_NAME, _SET_SECCOMP, _SET_NO_NEW_PRIVS = 15, 22, 38
READY = b"!"
"""Written before the program is read: what ends without it was not ended by the program."""
DEPTH = 64
LONGEST_INTEGER = 1 << 18
"""Bits of an integer that may be returned: some 79,000 digits."""
OUT_OF_MEMORY = 71
"""The status with which a script ends that could not get more memory."""
RAISED = (Exception, SystemExit, KeyboardInterrupt, GeneratorExit)
"""What a program may raise and go on; anything else ends its process."""
NAMES = {
    "__builtins__": {},
    "inf": float("inf"),
    "nan": float("nan"),
    "set": set,
    "frozenset": frozenset,
    "range": range,
}
"""What a literal from outside may name; what comes from there is trusted, and `ast` would take long to import."""


def encode(value: object, depth: int = 0) -> tuple[str, object]:
    """A literal of plain values, their exact types kept; TypeError for anything else, subclasses included."""
    if depth > DEPTH:
        raise TypeError("a value nested too deeply")
    kind = type(value)
    if kind is int and int.bit_length(value) > 14_000:  # type: ignore[arg-type]
        if int.bit_length(value) > LONGEST_INTEGER:  # type: ignore[arg-type]
            raise TypeError("an integer of more than 2**18 bits")
        return ("x", hex(value))  # type: ignore[arg-type]  # in decimals Python writes at most 4,300 digits
    if value is None or kind is bool or kind is int or kind is str or kind is bytes:
        return ("v", value)
    if kind is float or kind is complex:
        return (kind.__name__[0], repr(value))
    if kind is list or kind is tuple or kind is set or kind is frozenset:
        return (kind.__name__, [encode(each, depth + 1) for each in value])  # type: ignore[attr-defined]
    if kind is dict:
        pairs: list[tuple[object, object]] = list(dict.items(value))  # type: ignore[arg-type]
        return ("dict", [(encode(key, depth + 1), encode(each, depth + 1)) for key, each in pairs])
    if type(value) is range:
        return ("range", (value.start, value.stop, value.step))
    raise TypeError("a value of the type " + kind.__name__)


def with_any_digits(function, *arguments):  # type: ignore[no-untyped-def]
    """What the function returns, integers read or written in decimals of any length: for what comes from outside."""
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return function(*arguments)
    finally:
        sys.set_int_max_str_digits(digits)


def read_exactly(descriptor: int, size: int) -> bytes:
    """So many bytes; the process ends where there are no more."""
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 16))
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def receive(descriptor: int) -> bytes:
    """One message."""
    return read_exactly(descriptor, struct.unpack("!I", read_exactly(descriptor, 4))[0])


def send(descriptor: int, text: str, largest: int) -> None:
    """One message; one that is too large becomes an exception."""
    data = text.encode("utf-8", "surrogatepass")
    if len(data) > largest:
        data = repr(("raised", "TypeError", "a value too large to return")).encode()
    data = struct.pack("!I", len(data)) + data
    while data:
        data = data[os.write(descriptor, data) :]


def limit(rlimits: dict[str, tuple[int, int]]) -> None:
    """Limits that what runs from here on cannot raise; where the machine's are lower, those."""
    for name, (soft, hard) in rlimits.items():
        which = getattr(resource, name)
        highest = resource.getrlimit(which)[1]
        if highest != resource.RLIM_INFINITY:
            soft, hard = min(soft, highest), min(hard, highest)
        resource.setrlimit(which, (soft, hard))


def describe(error: BaseException) -> str:
    """An exception of the program, as an answer."""
    try:
        message = str(error)
        message = message[:300] if type(message) is str else "?"
    except RAISED:  # by the program's own exception
        message = "?"
    return repr(("raised", type(error).__name__, message))


class Nowhere(io.RawIOBase):
    """Takes what is written to it, and forgets it."""

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object) -> int:
        """All of it."""
        return len(data)  # type: ignore[arg-type]


def nowhere() -> io.TextIOWrapper:
    """A standard stream that leads nowhere."""
    return io.TextIOWrapper(io.BufferedWriter(Nowhere()), write_through=True)


def serve(control: socket.socket, clone: Callable[[], int]) -> tuple[bytes, list[int], bool] | None:
    """Answers requests one after the other; None at their end.

    Returns in the process of a program: its mode, its descriptors, and whether the sandbox is spent with it. That is so
    where new namespaces are refused, as to a bubblewrap that may keep no capability: then the program is forked without
    them, and is alone in the sandbox all the same.
    """
    is_spent = False
    while not is_spent:
        mode, descriptors, _, _ = socket.recv_fds(control, 1, 3)
        if not mode:
            return None
        process = clone()
        if process < 0:
            is_spent, process = True, os.fork()
        if process == 0:
            control.detach()
            return mode, descriptors, is_spent
        for descriptor in descriptors:
            os.close(descriptor)
        asked = control.recv(PATIENCE.size, socket.MSG_WAITALL)
        found = end(process, PATIENCE.unpack(asked)[0] if asked else 0.0, as_group=clone is os.fork)
        if not asked:
            return None
        control.sendall(ENDED.pack(*found, is_spent))
    return None


def cloner(number: int, namespaces: int) -> Callable[[], int]:
    """A function that is to new namespaces what `os.fork` is without them; it returns -1 where they are refused."""
    here = ctypes.PyDLL(None)  # keeps the lock of the interpreter, which the child needs
    here.syscall.argtypes, here.syscall.restype = (ctypes.c_long,) + (ctypes.c_ulong,) * 5, ctypes.c_long
    before, syscall, in_child, in_parent = (
        here.PyOS_BeforeFork, here.syscall, here.PyOS_AfterFork_Child, here.PyOS_AfterFork_Parent,
    )  # fmt: skip

    def clone() -> int:
        before()
        process = int(syscall(number, namespaces | signal.SIGCHLD, 0, 0, 0, 0))
        in_parent() if process else in_child()
        return process

    return clone


def end(process: int, patience: float, as_group: bool) -> tuple[bool, int, float]:
    """Waits so many seconds, then kills: whether it ended by itself, its status, its processor seconds.

    The first process of a namespace takes all others of it along; without one, its group is killed.
    """
    deadline = time.monotonic() + patience
    while True:
        found, status, usage = os.wait4(process, os.WNOHANG)
        if found or time.monotonic() >= deadline:
            break
        time.sleep(0.001)
    if as_group:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # all of it have ended, or it is none yet
            os.killpg(process, signal.SIGKILL)
    if not found:
        os.kill(process, signal.SIGKILL)
        _, status, usage = os.wait4(process, 0)
    return bool(found), os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime


class FilterProgram(ctypes.Structure):
    """How many instructions, and where: struct sock_fprog of the kernel. It keeps the bytes alive."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def walls(allowed: bytes, tmp_bytes: int) -> Callable[[bool], None]:
    """A function that leaves this process no capability, and only the calls that the filter allows.

    Where /tmp has a size, the process gets one of its own, unless the sandbox is spent with it. All that the function
    needs is made before.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    prctl, capset, mount = libc.prctl, libc.capset, libc.mount
    prctl.argtypes = (ctypes.c_int,) + (ctypes.c_ulong,) * 4
    name, program = ctypes.create_string_buffer(NAME), FilterProgram(len(allowed) // 8, allowed)
    no_capability = struct.pack("Ii", _CAPABILITIES_3, 0), bytes(24)
    tmp = b"tmpfs", b"/tmp", b"tmpfs", ctypes.c_ulong(_NOSUID_NODEV), f"size={tmp_bytes},mode=0755".encode()

    def give_up_rights(is_spent: bool) -> None:
        if tmp_bytes and not is_spent:
            done(mount(*tmp))
        done(prctl(_SET_NAME, ctypes.addressof(name), 0, 0, 0))
        done(capset(*no_capability))  # with the permitted ones go the ambient ones
        done(prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        done(prctl(_SET_SECCOMP, 2, ctypes.addressof(program), 0, 0))

    return give_up_rights


def done(result: int) -> None:
    """Raises OSError for a call that failed."""
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main() -> None:
    """The nursery and, in the processes that it makes, a program each.

    Descriptor 2 leads outside, for what goes wrong before there is a program: that does not get to see it.
    """
    options = eval(sys.argv[1], NAMES)
    is_confined = bool(options["filter"])
    clone = cloner(options["clone_call"], options["namespaces"]) if is_confined else os.fork
    give_up_rights = walls(options["filter"], options["tmp_bytes"])
    streams = io.StringIO(), nowhere(), nowhere()
    warm_up()
    begun = serve(socket.socket(fileno=0), clone)
    if begun is None:
        return
    mode, descriptors, is_spent = begun
    os.setsid()  # a group of its own: what is done to a group is done to no other process
    if is_confined:
        give_up_rights(is_spent)
    sys.stderr = streams[2]
    if mode == SCRIPT:
        script(descriptors, options["rlimits"])
    else:
        sys.stdin, sys.stdout = streams[:2]
        calls(descriptors, options["rlimits"], options["reply_bytes"])


def warm_up() -> None:
    """Runs WARM, so that the processes of programs begin with what it left ready."""
    space: dict[str, object] = {"__name__": "program", "__builtins__": __builtins__}
    for _ in range(3):
        exec(compile(WARM.encode(), "program.py", "exec"), space)
        name, arguments, _ = with_any_digits(eval, "('f', ([1, 2.5],), {})", NAMES)
        repr(("value", encode(space[name](*arguments))))  # type: ignore[operator]
    gc.collect()
    gc.freeze()  # or each program would copy what it only looks at


def script(descriptors: list[int], rlimits: dict[str, tuple[int, int]]) -> None:
    """Runs a program on standard input and output; what it leaves to be done at the end is done by the interpreter."""
    given, output, program = descriptors
    os.dup2(given, 0)
    os.dup2(output, 1)
    os.write(1, READY)
    source = receive(program)
    for descriptor in (2, *descriptors):
        os.close(descriptor)
    limit(rlimits)
    sys.argv = ["program.py"]
    try:
        exec(compile(source, "program.py", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


def calls(descriptors: list[int], rlimits: dict[str, tuple[int, int]], reply_bytes: int) -> None:
    """Runs a program once, then answers calls of its functions until there are no more."""
    requests, replies = descriptors
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    os.write(replies, READY)
    source = receive(requests)
    limit(rlimits)
    space: dict[str, object] = {"__name__": "program", "__builtins__": __builtins__}
    try:
        exec(compile(source, "program.py", "exec"), space)
        answer = repr(("value", ("v", None)))
    except RAISED as error:
        answer = describe(error)
    send(replies, answer, reply_bytes)
    while True:
        request = receive(requests).decode("utf-8", "surrogatepass")
        name, arguments, keywords = with_any_digits(eval, request, NAMES)
        try:
            answer = repr(("value", encode(space[name](*arguments, **keywords))))  # type: ignore[operator]
        except RAISED as error:
            answer = describe(error)
        send(replies, answer, reply_bytes)


if __name__ == "__main__":
    main()
