"""Bodies for `test_process.py`: at the top of a module, where a child process finds them."""

from __future__ import annotations

import contextvars
import ctypes
import os
import signal
import threading
from pathlib import Path

from fleet_q import Context, Discard, FleetQ, Retry, Snooze, StepCancelled

SEEN: contextvars.ContextVar[str] = contextvars.ContextVar("SEEN", default="nothing")
HOARD: list[bytes] = []


def pause() -> None:
    """Wait a hundredth of a second, for something that another process does."""
    threading.Event().wait(0.01)


def add(a: int, b: int) -> int:
    return a + b


def nothing() -> None: ...


def whoami() -> int:
    return os.getpid()


def sees(word: str) -> list[object]:
    before = SEEN.get()
    SEEN.set(word)
    return [os.getpid(), before]


def fails(message: str) -> None:
    raise LookupError(message)


def exits() -> None:
    raise SystemExit(7)


def returns_a_set() -> object:
    return {1, 2}


def retries_once(ctx: Context) -> int:
    if ctx.retry_count == 0:
        raise Retry(after=0.01)
    return ctx.retry_count


def snoozes_once(mark: str) -> str:
    if not Path(mark).exists():
        Path(mark).touch()
        raise Snooze(0.01)
    return "awake"


def discards() -> None:
    raise Discard("of no use")


def tells(ctx: Context, go: str) -> list[object]:
    ctx.progress(0.25, "a quarter")
    while not Path(go).exists():
        pause()
    return [ctx.step_id, ctx.task, ctx.queue, ctx.retry_count, ctx.max_retries, ctx.fence != "", dict(ctx.metadata)]


def waits_for_cancel(ctx: Context, began: str) -> None:
    Path(began).write_text(str(os.getpid()))
    while not ctx.cancelled:
        pause()
    raise StepCancelled


def waits_for_ever(began: str) -> None:
    Path(began).write_text(str(os.getpid()))
    while True:
        pause()


def spins() -> None:
    while True:
        pass


def holds_the_gil() -> None:
    ctypes.PyDLL(None).sleep(60)


def dies_once(mark: str) -> str:
    if not Path(mark).exists():
        Path(mark).touch()
        os._exit(3)
    return "alive"


def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hoards(mib: int) -> int:
    HOARD.append(b"x" * (mib << 20))
    return os.getpid()


def enqueues_in_memory() -> None:
    FleetQ("memory://", role="producer").task(add).enqueue_sync(1, 2)
