"""Hears SIGINT and SIGTERM while a pod serves, and puts back what was there before. Ends nothing itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

__all__ = ["heard"]

ECHO_S = 0.5
"""A signal this soon after another is the same one told twice, as uvloop does now and then; nobody asks so fast."""


@contextmanager
def heard(loop: asyncio.AbstractEventLoop, on_signal: Callable[[], None]) -> Generator[None, None, None]:
    """Call `on_signal` on the loop for each signal that asks the process to end, once."""
    deaf_until = loop.time()

    def once() -> None:
        nonlocal deaf_until
        if loop.time() >= deaf_until:
            deaf_until = loop.time() + ECHO_S
            on_signal()

    undo = [_listen(loop, number, once) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield
    finally:
        for put_back in undo:
            put_back()


def _listen(
    loop: asyncio.AbstractEventLoop, number: signal.Signals, on_signal: Callable[[], None]
) -> Callable[[], None]:
    def wake(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(on_signal)

    before = signal.getsignal(number)
    try:
        loop.add_signal_handler(number, on_signal)
    except NotImplementedError:
        # Windows: no signals on the loop, but the main thread can pass them on.
        signal.signal(number, wake)
        return lambda: _put_back(number, before)

    def stop_listening() -> None:
        loop.remove_signal_handler(number)
        _put_back(number, before)

    return stop_listening


def _put_back(number: signal.Signals, before: Callable[[int, FrameType | None], object] | int | None) -> None:
    signal.signal(number, signal.SIG_DFL if before is None else before)
