"""Calls of a user's code: functions and coroutine functions, and what they raise kept as a `Failure`."""

import asyncio
import inspect
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a sample has no value.

    `what` is half a sentence; failures of one cause have the same `kind`, and are reported once; `trace` is the
    traceback of an exception.
    """

    what: str
    kind: str
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a user's function, with keywords; its values are for `count` samples from the place `start` on.

    `logged` collects the names and numbers that the function logs beside its values.
    """

    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    start: int
    count: int
    logged: list[tuple[str, float]] = field(default_factory=list)

    @property
    def places(self) -> slice:
        """Where its samples are among all samples of the step."""
        return slice(self.start, self.start + self.count)


class Caller:
    """Makes calls and says what each returned, or its Failure.

    Functions run in the caller's thread, one after the other. What coroutine functions do after their first wait runs
    concurrently, in one event loop that stays the same from call to call, so a client that they keep open stays usable.
    """

    def __init__(self) -> None:
        self.runner = asyncio.Runner()

    def close(self) -> None:
        """Closes the event loop."""
        _outside_loops(self.runner.close)

    def __call__(self, calls: Sequence[Call]) -> list[Any]:
        """What each call returned, in order."""
        results = [_begin(call) for call in calls]
        waiting = [number for number, result in enumerate(results) if inspect.isawaitable(result)]
        if waiting:
            awaited = _gather([results[number] for number in waiting])
            found = _outside_loops(lambda: self.runner.run(awaited))
            for number, result in zip(waiting, found, strict=True):
                results[number] = result
        return results


def _outside_loops(work: Callable[[], T]) -> T:
    """What `work` returns, done in this thread, or in another where this one, a notebook's, has a running loop."""
    if not _has_running_loop():
        return work()
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(work).result()


def _has_running_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _begin(call: Call) -> Any:
    try:
        return call.function(**call.arguments)
    except (Exception, SystemExit) as error:  # a user's own code raises what it likes
        return _failure(error)


async def _gather(awaitables: list[Awaitable[Any]]) -> list[Any]:
    return await asyncio.gather(*map(_finish, awaitables))


async def _finish(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except (Exception, SystemExit) as error:
        return _failure(error)


def _failure(error: BaseException) -> Failure:
    """What was raised, the place in the user's code where it was, and the traceback from there on."""
    own = _users_part(error.__traceback__)
    # The innermost frame may be a library's: the place to look at is the last one in the file that was called.
    frames = traceback.extract_tb(own)
    place = [frame for frame in frames if frame.filename == frames[0].filename][-1] if frames else None
    where = f" ({place.filename}, line {place.lineno})" if place else ""
    kind = type(error).__name__
    text = "".join(traceback.format_exception(type(error), error, own))
    return Failure(f"raised {kind}: {error}{where}", f"{kind}{where}", text)


def _users_part(trace: TracebackType | None) -> TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace
