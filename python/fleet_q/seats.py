"""The children of one pod: how many there are, which are free, and how they leave.

Used by the thread that manages them alone. Knows no outcome; who waits for a step learns it elsewhere.
"""

from __future__ import annotations

import logging
import selectors
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from .spawned import Child

if TYPE_CHECKING:
    from ._core import Job
    from .task import AnyTask

__all__ = ["Limits", "Seat", "Seats", "Work"]

log = logging.getLogger("fleet_q.processes")

LEAVE_GRACE_S = 2.0
"""How long an idle child that was let go may take to end by itself."""
LEAVE_LOOK_S = 0.02
FAILED_STARTS_MAX = 3
"""After so many children in a row that died before they were ready, waiting steps are not kept waiting."""
RESTART_PAUSE_S = 0.5


class Limits(NamedTuple):
    """How many children, and when one is used up."""

    size: int
    max_steps: int | None = None
    max_rss: int | None = None


class Work(NamedTuple):
    """A step, and the task whose function it calls."""

    job: Job
    task: AnyTask


class Seat:
    """A child and what it does."""

    __slots__ = ("child", "kill_at", "ready", "rss", "steps", "work", "writing")

    def __init__(self, child: Child) -> None:
        self.child = child
        self.ready = False
        self.work: Work | None = None
        self.steps = 0
        self.rss = 0
        self.kill_at: float | None = None
        self.writing = False

    def runs(self, slot: int) -> bool:
        """Whether it runs the body in this slot."""
        return self.work is not None and self.work.job.slot == slot


class Seats:
    """As many children as there is work for, at most `limits.size`, and a spare one kept warm."""

    def __init__(
        self, limits: Limits, selector: selectors.BaseSelector, hello: Callable[[], dict[str, object]]
    ) -> None:
        self._limits = limits
        self._selector = selector
        self._hello = hello
        self._seats: list[Seat] = []
        self._leaving: list[tuple[Child, float]] = []
        self._failed_starts = 0
        self._start_after = 0.0
        self._trouble = ""

    def all(self) -> tuple[Seat, ...]:
        """Give every seat; those whose child was let go are none any more."""
        return tuple(self._seats)

    def free(self) -> list[Seat]:
        """Give the seats that can take work now."""
        busy = sum(1 for seat in self._seats if seat.work is not None)
        idle = [seat for seat in self._seats if seat.ready and seat.work is None]
        return idle[: self._limits.size - busy]

    @property
    def are_gone(self) -> bool:
        """Whether no child is left, not even one that is leaving."""
        return not self._seats and not self._leaving

    @property
    def trouble(self) -> str:
        """Why no child can be started, once that is no passing trouble."""
        return self._trouble if self._failed_starts >= FAILED_STARTS_MAX else ""

    def hire(self, waiting: int, now: float) -> None:
        """Start children for what waits, and one more."""
        busy = sum(1 for seat in self._seats if seat.work is not None)
        wanted = min(busy + waiting, self._limits.size) + 1
        while len(self._seats) < wanted and self._start_after <= now:
            try:
                seat = Seat(Child())
            except OSError as error:
                self._note_failed_start(f"no process could be started: {error}", now)
                return
            self._seats.append(seat)
            self._selector.register(seat.child.pipe, selectors.EVENT_READ, seat)
            seat.child.send(self._hello())
            self.listen(seat)

    def note_ready(self, seat: Seat) -> None:
        """Note that a child has started."""
        seat.ready = True
        self._failed_starts = 0
        log.debug("child process %d is ready", seat.child.pid)

    def listen(self, seat: Seat) -> None:
        """Watch a child's pipe, for room in it too as long as something waits to be sent."""
        if seat.writing != seat.child.has_unsent:
            seat.writing = seat.child.has_unsent
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if seat.writing else 0)
            self._selector.modify(seat.child.pipe, events, seat)

    def is_used_up(self, seat: Seat) -> bool:
        """Whether an idle child has done or holds too much to go on."""
        steps, rss = self._limits.max_steps, self._limits.max_rss
        worn = (steps is not None and seat.steps >= steps) or (rss is not None and seat.rss > rss)
        return worn and seat.work is None

    def let_go(self, seat: Seat, now: float) -> None:
        """Let an idle child end by itself."""
        self._remove(seat)
        seat.child.let_go()
        self._leaving.append((seat.child, now + LEAVE_GRACE_S))

    def end(self, seat: Seat, now: float) -> str:
        """Kill a child, or reap it if it has ended; gives how it ended."""
        self._remove(seat)
        told = seat.child.kill()
        if not seat.child.has_ended():
            self._leaving.append((seat.child, now + LEAVE_GRACE_S))
        return told

    def note_death(self, seat: Seat, now: float) -> str:
        """Take in that a child ended by itself; gives how."""
        told = self.end(seat, now)
        if not seat.ready:
            self._note_failed_start(told, now)
        elif seat.work is None:
            log.warning("an idle child ended by itself: %s", told)
        return told

    def reap(self, now: float) -> None:
        """See who has left; who does not is killed."""
        for child, kill_at in tuple(self._leaving):
            if not child.has_ended() and kill_at <= now:
                child.kill()
            if child.has_ended():
                self._leaving.remove((child, kill_at))

    def patience(self, now: float) -> float | None:
        """How long nothing will be due here; None is for ever."""
        due = [seat.kill_at for seat in self._seats if seat.kill_at is not None]
        if self._leaving:
            due.append(now + LEAVE_LOOK_S)
        if self._start_after > now:
            due.append(self._start_after)
        return max(0.0, min(due) - now) if due else None

    def _note_failed_start(self, why: str, now: float) -> None:
        self._failed_starts += 1
        self._start_after = now + RESTART_PAUSE_S * min(2**self._failed_starts, 64)
        self._trouble = f"no child process gets ready: {why}"
        log.error("a child process did not start: %s", why)

    def _remove(self, seat: Seat) -> None:
        self._seats.remove(seat)
        self._selector.unregister(seat.child.pipe)
