"""Jobs side by side, each in a process of its own: what one of them does to its process is a sentence, and no more.

A process is forked from a server that has imported what jobs need and has done nothing else, so it starts at once and
knows nothing of other jobs. It ends with this process, however that ends.
"""

import errno
import os
import resource
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from assay.errors import AssayError
from assay.registry import resolve
from assay.studies.jobs import Job
from assay.studies.matrix import Matrix

GIB = 2**30
THREADS = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS")
"""Variables that hold the libraries to one thread a process."""
LINGER_SECONDS = 10.0
"""How long a process may take to end after its job is done."""

Failed = Callable[[Job, str | None], None]


def side_by_side(
    matrix: Matrix,
    jobs: Sequence[Job],
    processes: int,
    memory_gib: float,
    note: Callable[[str], None],
    ended: Failed,
) -> None:
    """Runs the jobs in order, so many at once, each within `memory_gib` of memory of its own.

    `ended` is called as each ends, with the sentence that says why where it failed. All are stopped where this raises.
    """
    context = get_context("forkserver")
    context.set_forkserver_preload(["assay.studies.work", "assay.training.rl"])
    waiting, running = deque(jobs), dict[Connection, tuple[Any, Job, float]]()
    try:
        while waiting or running:
            while waiting and len(running) < processes:
                job = waiting.popleft()
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(theirs, matrix, job, memory_gib))
                process.start()
                theirs.close()
                running[ours] = (process, job, time.monotonic())
            for pipe in wait(list(running)):
                assert isinstance(pipe, Connection)
                process, job, began = running[pipe]
                kind, text = _hear(pipe)
                if kind == "note":
                    note(f"{job.name}: {text}")
                    continue
                del running[pipe]
                pipe.close()
                _end(process)
                if kind == "done":
                    note(f"{job.name}: done in {time.monotonic() - began:.0f} s")
                ended(job, _death(process.exitcode) if kind == "dead" else text)
    finally:
        for process, _, _ in running.values():
            process.terminate()
        for process, _, _ in running.values():
            _end(process)


def _hear(pipe: Connection) -> tuple[str, str | None]:
    """("note", text), ("done", None), ("failed", why), or ("dead", None) where nobody is there to say anything."""
    try:
        kind, text = pipe.recv()
        return kind, text
    except (EOFError, ConnectionError):
        return "dead", None


def _end(process: Any) -> None:
    process.join(LINGER_SECONDS)
    if process.exitcode is None:
        process.kill()
        process.join()


def _death(code: int | None) -> str:
    """Why a process is gone that said nothing."""
    how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
    return (
        f"its process was ended from outside, or for want of memory ({how}); run the same command again, with more "
        "budget.memory_gib or fewer --processes if it is memory"
    )


def _work(pipe: Connection, matrix: Matrix, job: Job, memory_gib: float) -> None:
    """What the process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends this process
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _end_with_parent()
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        work = resolve(job.target)
        resolve("torch:set_num_threads")(1)
        limit = int(memory_gib * GIB)
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        work(matrix, *job.arguments, note=lambda text: pipe.send(("note", text)))
        pipe.send(("done", None))
    except Exception as error:
        pipe.send(("failed", _sentence(error, memory_gib)))


def _end_with_parent() -> None:
    """Else a study that was killed would go on beside the one that continues it."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _sentence(error: Exception, memory_gib: float) -> str:
    """Why a job failed, for its user; a fault of ours with its traceback."""
    if isinstance(error, AssayError):
        return str(error)
    is_memory = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    told = ("allocate memory", "bad_alloc", "out of memory", "start new thread")
    if is_memory or any(words in str(error) for words in told):
        return (
            f"needs more than its {memory_gib:.3g} GiB of memory; give a larger budget.memory_gib, fewer --processes, "
            "or smaller rollout.slots and optimizer.micro_batch_tokens"
        )
    return "".join(traceback.format_exception(error)).strip()
