"""What runs in the sandbox, before and around the program of a model. It stands alone: nothing of Assay is there.

Read as text and started with `python -c`, with the limits as its argument. It says in one byte that it is ready, then
reads the program. Messages are length-prefixed; the first holds the program. In mode "calls" the program is run once,
then each message is a call (name, arguments, keyword arguments), a Python literal, and its answer another: ("value",
encoded) or ("raised", type, message). In mode "script" the program is run as __main__ on standard input and output.
Nothing here is secret and nothing here decides: expected values, comparisons and the verdict are outside.
"""

import io
import os
import resource
import struct
import sys

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
    """Limits that what runs from here on cannot raise.

    The hard one of processor time is a second later, so that the signal of the soft one says what happened.
    """
    for name, pair in rlimits.items():
        resource.setrlimit(getattr(resource, name), pair)


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


def main() -> None:
    """Sets the limits, runs the program, and answers calls.

    Descriptor 2 leads outside, for what goes wrong before there is a program: that does not get to see it.
    """
    options = eval(sys.argv[1], NAMES)
    sys.stderr = nowhere()
    if options["mode"] == "script":
        os.write(1, READY)
        source = receive(options["source_fd"])
        os.close(options["source_fd"])
        os.close(2)
        limit(options["rlimits"])
        sys.argv = ["program.py"]
        try:
            exec(compile(source, "program.py", "exec"), {"__name__": "__main__", "__builtins__": __builtins__})
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        return
    requests, replies = os.dup(0), os.dup(1)
    sys.stdin, sys.stdout = io.StringIO(), nowhere()
    for descriptor in (0, 1, 2):
        os.close(descriptor)
    os.write(replies, READY)
    source = receive(requests)
    limit(options["rlimits"])
    space: dict[str, object] = {"__name__": "program", "__builtins__": __builtins__}
    try:
        exec(compile(source, "program.py", "exec"), space)
        answer = repr(("value", ("v", None)))
    except RAISED as error:
        answer = describe(error)
    send(replies, answer, options["reply_bytes"])
    while True:
        request = receive(requests).decode("utf-8", "surrogatepass")
        name, arguments, keywords = with_any_digits(eval, request, NAMES)
        try:
            answer = repr(("value", encode(space[name](*arguments, **keywords))))  # type: ignore[operator]
        except RAISED as error:
            answer = describe(error)
        send(replies, answer, options["reply_bytes"])


if __name__ == "__main__":
    main()
