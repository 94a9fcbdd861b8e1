"""A pool of killable processes for a function that may hang, crash or eat memory.

    with Workers("my_graders:grade", limit_seconds=2.0) as workers:
        outcomes = workers.map(items)

`assay.grading.zygote` describes the processes. Items are sent in batches to workers that are idle, so nothing waits in
a pipe that nobody reads; each item of a batch is answered, and timed, by itself. A worker that exceeds the limit is
killed, one that died is replaced, and the items that stood behind the bad one are given out again. So hangs lengthen a
call by (hangs x limit / workers) and no more. Usable from any thread; calls take turns.
"""

import json
import os
import pickle
import selectors
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assay.errors import RecipeError, RunError
from assay.grading.zygote import PID, receive, send

BATCH = 16
"""Items that a worker is sent at once, at most."""
BATCH_BYTES = 1 << 20
"""Bytes of a batch after which no further item is added."""

Fault = Literal["timeout", "crash", "memory", "error"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item: `value`, or a fault and a sentence about it.

    "timeout": killed at the limit; "crash": its process died; "memory": it hit the memory limit; "error": the function
    raised, or returned what JSON cannot hold; then `trace` is where, the frames of the traceback.
    """

    value: Any = None
    fault: Fault | None = None
    detail: str | None = None
    trace: str | None = None


@dataclass(slots=True, eq=False)
class _Worker:
    """One process: the (index, packed item) pairs it was sent, when it began the first, and whether it is spent."""

    socket: socket.socket
    pid: int
    batch: deque[tuple[int, bytes]]
    began: float = 0.0
    is_spent: bool = False


class Workers:
    """Processes that run `target`, "module:function", on one item at a time; they start when they are needed.

    The function takes one item, which must pickle, and returns what JSON can hold: a worker judges hostile text, so
    nothing that it says is unpickled. `workers` is the number of this machine's usable cores where not given.
    `limit_seconds` bounds an item's wall time, `memory_mib` the address space of a worker. `load` names further objects
    whose modules are imported once, before the workers are forked. `faults` counts what went
    wrong since the start. Raises RecipeError where the target cannot be imported.
    """

    def __init__(
        self,
        target: str,
        workers: int | None = None,
        limit_seconds: float = 5.0,
        memory_mib: int = 2048,
        load: Sequence[str] = (),
    ) -> None:
        self.target, self.limit_seconds, self.memory_mib, self.load = target, limit_seconds, memory_mib, tuple(load)
        self.workers = workers or usable_cores()
        self.faults: Counter[Fault] = Counter()
        self._lock = threading.Lock()
        self._zygote: socket.socket | None = None
        self._idle: list[_Worker] = []
        self._stop: weakref.finalize[..., Workers] | None = None

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends all processes; the next call starts new ones."""
        with self._lock:
            if self._stop is not None:
                self._stop()
            self._zygote = self._stop = None

    def one(self, item: Any) -> Outcome:
        """The outcome of one item."""
        return self.map([item])[0]

    def map(self, items: Iterable[Any]) -> list[Outcome]:
        """The outcome of each item, in order."""
        waiting = deque((index, pickle.dumps(item)) for index, item in enumerate(items))
        found: dict[int, Outcome] = {}
        total = len(waiting)
        with self._lock, selectors.DefaultSelector() as selector:
            busy: set[_Worker] = set()
            try:
                while len(found) < total:
                    while waiting and len(busy) < self.workers:
                        worker = self._give(waiting)
                        if worker is not None:
                            busy.add(worker)
                            selector.register(worker.socket, selectors.EVENT_READ, worker)
                    patience = min(worker.began for worker in busy) + self.limit_seconds - time.monotonic()
                    for key, _ in selector.select(max(0.0, patience)):
                        self._hear(key.data, found)
                    for worker in [each for each in busy if self._is_done(each, found, waiting)]:
                        busy.remove(worker)
                        selector.unregister(worker.socket)
                        self._put_away(worker)
            except BaseException:  # Ctrl-C too: a worker in the middle of a batch is of no use to the next call
                for worker in busy:
                    self._kill(worker)
                raise
        self.faults.update(outcome.fault for outcome in found.values() if outcome.fault)
        return [found[index] for index in range(total)]

    def _give(self, waiting: "deque[tuple[int, bytes]]") -> _Worker | None:
        """Sends the next items to an idle worker; None where it turned out to be dead."""
        worker = self._idle.pop() if self._idle else self._start()
        size = max(1, min(BATCH, len(waiting) // (2 * self.workers)))
        while waiting and len(worker.batch) < size:
            worker.batch.append(waiting.popleft())
            if sum(len(packed) for _, packed in worker.batch) > BATCH_BYTES:
                break
        try:
            send(worker.socket, pickle.dumps([packed for _, packed in worker.batch]))
        except OSError:  # it died while it was idle: nobody's fault
            waiting.extendleft(reversed(worker.batch))
            self._kill(worker)
            return None
        worker.began = time.monotonic()
        return worker

    def _hear(self, worker: _Worker, found: dict[int, Outcome]) -> None:
        """Takes one answer, or notes that the worker died of its item."""
        answer = receive(worker.socket)
        index, _ = worker.batch.popleft()
        worker.began = time.monotonic()
        if answer is None:
            found[index] = Outcome(fault="crash", detail="the process that judged it died")
            worker.is_spent = True
        else:
            found[index] = Outcome(**json.loads(answer))
            if found[index].fault == "memory":
                worker.is_spent = True  # it ends itself: a process that ran out of memory is not to be trusted

    def _is_done(self, worker: _Worker, found: dict[int, Outcome], waiting: "deque[tuple[int, bytes]]") -> bool:
        """True where it needs no more hearing: all answered, dead, or out of time; what it left is given out again."""
        is_late = bool(worker.batch) and time.monotonic() - worker.began >= self.limit_seconds
        if not worker.is_spent and worker.batch and not is_late:
            return False
        if not worker.is_spent and is_late:
            index, _ = worker.batch.popleft()
            found[index] = Outcome(fault="timeout", detail=f"took longer than {self.limit_seconds:g} s")
            worker.is_spent = True
        waiting.extendleft(reversed(worker.batch))
        worker.batch.clear()
        return True

    def _put_away(self, worker: _Worker) -> None:
        if worker.is_spent:
            self._kill(worker)
        else:
            self._idle.append(worker)

    def _start(self) -> _Worker:
        control = self._zygote or self._start_zygote()
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(control, [b"F"], [theirs.fileno()])
            pid = PID.unpack(_exactly(control, PID.size))[0]
        return _Worker(ours, pid, deque())

    def _kill(self, worker: _Worker) -> None:
        worker.socket.close()
        if self._zygote is not None:
            self._zygote.sendall(b"K" + PID.pack(worker.pid))
            _exactly(self._zygote, 1)

    def _start_zygote(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "assay.grading.zygote", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=sys.__stderr__,
                start_new_session=True,
            )
        self._stop = weakref.finalize(self, _end, ours, process, self._idle)
        send(ours, json.dumps([sys.path, [self.target, *self.load], self.memory_mib]).encode())
        answer = receive(ours)
        if answer != b"":
            self._stop()
            self._stop = None
            why = answer.decode() if answer else "its process ended at once"
            raise RecipeError(f"workers cannot run {' and '.join([self.target, *self.load])}: {why}")
        self._zygote = ours
        return ours


def usable_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _end(control: socket.socket, process: "subprocess.Popen[bytes]", idle: list[_Worker]) -> None:
    """The zygote kills its workers and ends when its control socket is closed."""
    for each in (control, *(worker.socket for worker in idle)):
        each.close()
    idle.clear()
    process.wait()


def _exactly(source: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = source.recv(size - len(found))
        if not part:
            raise RunError("the process that starts graders was killed from outside; run the same command again")
        found += part
    return found
