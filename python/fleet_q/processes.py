"""Runs the bodies of `run="process"` tasks in child processes, and says how each ended.

One thread watches every child, and it alone starts, ends and reaps them. Decides no outcome: how a
body ended, or that its child died under it, goes to the core.
"""

from __future__ import annotations

import logging
import selectors
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from .seats import RESTART_PAUSE_S, Limits, Seat, Seats, Work
from .shift import Core, Shift
from .whereabouts import main_module, place_of

if TYPE_CHECKING:
    from ._core import Job, Report
    from .task import AnyTask
    from .types import StopReason

__all__ = ["Processes"]

log = logging.getLogger("fleet_q.processes")

CLOSE_LIMIT_S = 4.0


class Processes:
    """Bodies in children: `limits.size` at once. Starts nothing before the first step."""

    def __init__(
        self,
        limits: Limits,
        *,
        core: Core,
        send: Callable[[Sequence[Report]], None],
        tasks: Sequence[AnyTask],
        result_limit: int,
    ) -> None:
        self._limits = limits
        self._core = core
        self._send = send
        self._tasks = tasks
        self._result_limit = result_limit
        self._orders: deque[Work | tuple[int, StopReason]] = deque()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._nudges, self._nudged = socket.socketpair()
        self._nudges.setblocking(False)
        self._nudged.setblocking(False)

    def submit(self, job: Job, task: AnyTask) -> None:
        """Run this step in a child, as soon as one is free. Any thread; returns at once."""
        self._order(Work(job, task))
        with self._starting:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._manage, name="fleet-q-processes", daemon=True)
                self._thread.start()

    def stop(self, slot: int, reason: StopReason) -> None:
        """End the body in this slot, by force if need be. Any thread; returns at once."""
        if self._thread is not None:
            self._order((slot, reason))

    def close(self) -> None:
        """Let every child go and wait until they are gone, within limits."""
        with self._starting:
            self._closing = True
        if self._thread is not None:
            self._nudge()
            self._thread.join(CLOSE_LIMIT_S)
        if self._thread is None or not self._thread.is_alive():
            self._nudges.close()
            self._nudged.close()

    def _order(self, order: Work | tuple[int, StopReason]) -> None:
        self._orders.append(order)
        # The managing thread brings orders too, those that its reports made room for, and looks before it waits.
        if self._thread is None or threading.get_ident() != self._thread.ident:
            self._nudge()

    def _nudge(self) -> None:
        try:
            self._nudges.send(b"!")
        except OSError as error:
            # Full of nudges, or closed: then nobody is left to nudge.
            log.debug("no nudge was sent: %s", error)

    def _manage(self) -> None:
        while not self._managed():
            # What failed once may fail at every step: not as fast as it can.
            threading.Event().wait(RESTART_PAUSE_S)

    def _managed(self) -> bool:
        """Watch the children to the end; False if that failed."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._nudged, selectors.EVENT_READ)
            shift = Shift(self._core, Seats(self._limits, selector, self._hello))
            try:
                while not shift.is_over:
                    self._work_off(shift)
                    if not shift.is_over:
                        self._wait(selector, shift)
            except Exception:
                log.exception("watching the children failed; they end, and their steps go back")
                shift.give_up()
                self._send_all(shift)
                return False
        return True

    def _work_off(self, shift: Shift) -> None:
        """Do what is due, and what our own reports make due: a child that is free need not wait for a wake-up."""
        while True:
            shift.take(self._orders)
            shift.work(closing=self._closing)
            self._send_all(shift)
            if shift.is_over or not self._orders:
                return

    def _wait(self, selector: selectors.BaseSelector, shift: Shift) -> None:
        for key, events in selector.select(shift.patience()):
            if key.data is None:
                self._nudged.recv(4096)
            else:
                shift.attend(cast("Seat", key.data), events)

    def _send_all(self, shift: Shift) -> None:
        if reports := shift.reports():
            self._send(reports)

    def _hello(self) -> dict[str, object]:
        places = [(task.name, *place_of(task.function)) for task in self._tasks]
        in_script = any(module == "__main__" for _, module, _ in places)
        return {
            "kind": "hello",
            "path": [str(place) for place in sys.path],
            "argv": sys.argv,
            "main": main_module() if in_script else {},
            "limit": self._result_limit,
            "weighs": self._limits.max_rss is not None,
            "tasks": places,
        }
