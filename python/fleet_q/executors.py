"""Runs `def` bodies in daemon threads, so that a body that never ends cannot hang the exit.

Decides nothing: what runs, how often and how many at once is the core's matter.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._core import Report

__all__ = ["Outbox", "Threads"]

_Work = Callable[[], None]


class _Mine(threading.local):
    """What a thread keeps to itself."""

    is_ours = False
    next: _Work | None = None


class Threads:
    """At most `size` threads, each started when work comes and no other is free."""

    def __init__(self, size: int, *, name: str) -> None:
        self._size = size
        self._name = name
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._unclaimed = 0
        self._mine = _Mine()

    def submit(self, work: _Work) -> None:
        """Run `work` in a thread; it must not raise.

        One of our own threads keeps the newest for itself and runs it next: it is free before any other is awake.
        """
        mine = self._mine
        if not mine.is_ours:
            self._pass_on(work)
            return
        older, mine.next = mine.next, work
        if older is not None:
            self._pass_on(older)

    def _pass_on(self, work: _Work) -> None:
        with self._lock:
            self._unclaimed -= 1
            start = self._unclaimed < 0 and self._started < self._size
            if start:
                self._started += 1
                self._unclaimed += 1
        self._work.put(work)
        if start:
            threading.Thread(target=self._run, name=f"{self._name}-{self._started}", daemon=True).start()

    @property
    def free(self) -> int:
        """How many threads wait for work, less the work that waits for a thread."""
        return self._unclaimed

    def close(self) -> None:
        """Let free threads end; busy ones end when their body does."""
        with self._lock:
            for _ in range(self._started):
                self._work.put(None)

    def _run(self) -> None:
        mine = self._mine
        mine.is_ours = True
        while (work := self._work.get()) is not None:
            while work is not None:
                work()
                del work  # or a body's arguments would live until the next one
                work, mine.next = mine.next, None
            with self._lock:
                self._unclaimed += 1


class Outbox:
    """Hands reports from many threads to the core, those that come together in one call."""

    def __init__(self, send: Callable[[Sequence[Report]], None]) -> None:
        self._send = send
        self._waiting: deque[Report] = deque()
        self._sending = threading.Lock()

    def put(self, report: Report) -> None:
        """Send a report, or leave it to the thread that is sending."""
        self._waiting.append(report)
        # Asked again after each batch: who left a report while we held the lock relies on it.
        while self._waiting and self._sending.acquire(blocking=False):
            try:
                self._send([self._waiting.popleft() for _ in range(len(self._waiting))])
            finally:
                self._sending.release()
