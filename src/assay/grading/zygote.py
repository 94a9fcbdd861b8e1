"""The processes behind `assay.grading.workers`; run as `python -m assay.grading.zygote FD`.

The zygote imports the target once and then forks workers on request, in a millisecond or two, where a new interpreter
would take a second. It has one thread and no torch, so forking is safe, and it alone kills and reaps its children, so
no process id is used after its end. It ends, with all workers, when the control socket is closed: also when the parent
was killed.

Control socket: first a message (sys.path, targets, memory limit), answered by an empty message or by what is wrong;
then b"F" with a descriptor forks a worker, answered by its pid, and b"K" with a pid kills one. A worker reads a batch
(pickled, from the parent, which is trusted) and answers item by item in JSON. Messages are length-prefixed.
"""

import contextlib
import gc
import json
import os
import pickle
import resource
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any

from assay.errors import AssayError
from assay.registry import resolve

LENGTH = struct.Struct("!I")
PID = struct.Struct("!q")


def send(target: socket.socket, message: bytes) -> None:
    """Writes one message."""
    target.sendall(LENGTH.pack(len(message)) + message)


def receive(source: socket.socket) -> bytes | None:
    """Reads one message; None where the other side is gone."""
    head = _read(source, LENGTH.size)
    return None if head is None else _read(source, LENGTH.unpack(head)[0])


def _read(source: socket.socket, size: int) -> bytes | None:
    parts = []
    while size:
        try:
            part = source.recv(min(size, 1 << 20))
        except ConnectionResetError:
            return None
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def main(descriptor: int) -> None:
    """Serves the control socket until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    control = socket.socket(fileno=descriptor)
    first = receive(control)
    if first is None:
        return
    path, targets, memory_mib = json.loads(first)
    sys.path[:] = path
    try:
        function, *_ = [resolve(target) for target in targets]
    except AssayError as error:
        send(control, str(error).encode())
        return
    except Exception as error:  # the module is somebody else's and raises what it likes
        send(control, f"importing it raised {type(error).__name__}: {error}".encode())
        return
    send(control, b"")
    gc.freeze()  # what is loaded now stays shared with the workers
    serve(control, function, memory_mib)


def serve(control: socket.socket, function: Callable[[Any], Any], memory_mib: int) -> None:
    """Forks and kills workers as told; kills them all at the end."""
    children: set[int] = set()
    while True:
        command, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not command:
            break
        if command == b"F":
            pid = os.fork()
            if pid == 0:
                control.close()
                work(socket.socket(fileno=descriptors[0]), function, memory_mib)
            os.close(descriptors[0])
            children.add(pid)
            control.sendall(PID.pack(pid))
        else:
            packed = _read(control, PID.size)
            assert packed is not None
            _reap(PID.unpack(packed)[0])
            children.discard(PID.unpack(packed)[0])
            control.sendall(b"K")
    for pid in children:
        _reap(pid)


def _reap(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def work(source: socket.socket, function: Callable[[Any], Any], memory_mib: int) -> None:
    """A worker: answers batches until the parent is gone. Never returns."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib << 20, memory_mib << 20))
    try:
        while (batch := receive(source)) is not None:
            for packed in pickle.loads(batch):
                answer = judge(function, packed)
                send(source, json.dumps(answer).encode())
                if answer.get("fault") == "memory":
                    os._exit(1)
    finally:
        os._exit(0)


def judge(function: Callable[[Any], Any], packed: bytes) -> dict[str, Any]:
    """The fields of an `Outcome`; whatever the function raises is an answer too."""
    try:
        return {"value": json.loads(json.dumps(function(pickle.loads(packed)), allow_nan=False))}
    except MemoryError:
        return {"fault": "memory", "detail": "needed more memory than a worker has"}
    except (Exception, SystemExit) as error:  # a worker ends only when its parent says so
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(place.filename)}, line {place.lineno}"
        detail = f"{type(error).__name__}: {_message(error)} ({where})"
        return {"fault": "error", "detail": detail, "trace": _trace(error)}


def _trace(error: BaseException) -> str:
    """Where it was raised, from the function on."""
    return "".join(traceback.format_tb(error.__traceback__)[1:])


def _message(error: BaseException) -> str:
    try:
        return str(error)[:200]
    except Exception:  # an error of somebody else's, whose text cannot be made
        return "?"


if __name__ == "__main__":
    main(int(sys.argv[1]))
