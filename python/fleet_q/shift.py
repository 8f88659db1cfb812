"""What the thread that manages the children does at each wake-up: orders in, reports out.

Used by that thread alone. Waits for nothing; decides no outcome.
"""

from __future__ import annotations

import logging
import selectors
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Protocol, cast

from . import outcome
from .exceptions import Stopped
from .frames import number
from .seats import Seat, Seats, Work
from .whereabouts import place_of

if TYPE_CHECKING:
    from ._core import Report
    from .frames import Frame, Head
    from .types import StopReason

__all__ = ["Core", "Shift"]

log = logging.getLogger("fleet_q.processes")

STOP_GRACE_S = 1.0
"""How long a body that was asked to end may take, before its child is killed."""


class Core(Protocol):
    """The part of the engine that is needed here."""

    def begin(self, slot: int) -> bool:
        """Whether the body in this slot may start now."""
        ...

    def progress(self, slot: int, fraction: float, message: str | None) -> None:
        """Pass on how far it is."""
        ...


class Shift:
    """What the managing thread does, from one wake-up to the next."""

    def __init__(self, core: Core, seats: Seats) -> None:
        self._core = core
        self._seats = seats
        self._waiting: deque[Work] = deque()
        self._reports: list[Report] = []
        self.is_over = False

    def take(self, orders: deque[Work | tuple[int, StopReason]]) -> None:
        """Note what came in."""
        while orders:
            order = orders.popleft()
            if isinstance(order, Work):
                self._waiting.append(order)
            else:
                self._stop(*order)

    def work(self, *, closing: bool) -> None:
        """Do what is due."""
        now = monotonic()
        if closing:
            self._clear_out(now)
        for seat in self._seats.all():
            if seat.kill_at is not None and seat.kill_at <= now:
                self._seats.end(seat, now)
                self._report_stopped(seat.work)
        self._seats.reap(now)
        if closing:
            self.is_over = self._seats.are_gone
            return
        self._seats.hire(len(self._waiting), now)
        self._assign()
        if self._waiting and (why := self._seats.trouble):
            for work in self._waiting:
                self._reports.append(outcome.raised(work.job.slot, ChildProcessError(why), told=False))
            self._waiting.clear()

    def attend(self, seat: Seat, events: int) -> None:
        """Read what a child says, and send what it can take."""
        if seat not in self._seats.all():
            return
        if events & selectors.EVENT_WRITE:
            seat.child.flush()
        frames, lives = seat.child.receive()
        for frame in frames:
            self._hear(seat, frame)
        if not lives:
            self._note_death(seat)
        elif self._seats.is_used_up(seat):
            self._seats.let_go(seat, monotonic())
        else:
            self._seats.listen(seat)

    def patience(self) -> float | None:
        """How long nothing will be due; None is for ever."""
        return self._seats.patience(monotonic())

    def reports(self) -> list[Report]:
        """Give how bodies ended since this was asked."""
        reports, self._reports = self._reports, []
        return reports

    def give_up(self) -> None:
        """Leave nothing that could hang: every child ends, every step goes back."""
        for seat in self._seats.all():
            seat.child.kill()
            self._report_stopped(seat.work)
        for work in self._waiting:
            self._report_stopped(work)

    def _stop(self, slot: int, reason: StopReason) -> None:
        for work in tuple(self._waiting):
            if work.job.slot == slot:
                self._waiting.remove(work)
                self._report_stopped(work)
        for seat in self._seats.all():
            if seat.runs(slot):
                asked = reason in ("cancel", "shutdown")
                due = monotonic() + (STOP_GRACE_S if asked else 0)
                seat.kill_at = due if seat.kill_at is None else min(seat.kill_at, due)
                seat.child.send({"kind": "stop", "slot": slot})
                self._seats.listen(seat)

    def _clear_out(self, now: float) -> None:
        """Let the idle go, end the others: nobody waits for their outcome any more."""
        while self._waiting:
            self._report_stopped(self._waiting.popleft())
        for seat in self._seats.all():
            if seat.ready and seat.work is None:
                self._seats.let_go(seat, now)
            else:
                seat.kill_at = now

    def _assign(self) -> None:
        free = self._seats.free()
        while self._waiting and free:
            work = self._waiting.popleft()
            if not self._may_begin(work.job.slot):
                self._report_stopped(work)
                continue
            seat = free.pop(0)
            seat.work = work
            seat.child.send(_spelled(work), work.job.payload)
            self._seats.listen(seat)

    def _may_begin(self, slot: int) -> bool:
        try:
            return self._core.begin(slot)
        except Stopped:
            return False

    def _hear(self, seat: Seat, frame: Frame) -> None:
        head, body = frame
        if head["kind"] == "ready":
            self._seats.note_ready(seat)
        elif not seat.runs(number(head, "slot")):
            log.debug("a body that has ended still speaks")  # a thread of its that lives on
        elif head["kind"] == "progress":
            self._note_progress(head)
        else:
            end = (head["slot"], head["end"], None if head["bare"] else body, head["delay"])
            self._reports.append(cast("Report", end))
            seat.work = seat.kill_at = None
            seat.steps += 1
            seat.rss = number(head, "rss")

    def _note_progress(self, head: Head) -> None:
        fraction, message = cast("float", head["fraction"]), cast("str | None", head["message"])
        try:
            self._core.progress(number(head, "slot"), fraction, message)
        except Exception as error:  # noqa: BLE001 - a note that cannot be stored harms nobody else's step
            log.warning("a note of progress was dropped: %s", error)

    def _note_death(self, seat: Seat) -> None:
        """Deal with a child that ended by itself: only the step it ran is a suspect."""
        told = self._seats.note_death(seat, monotonic())
        if seat.kill_at is not None:
            self._report_stopped(seat.work)
        elif seat.work is not None:
            self._reports.append(outcome.crashed(seat.work.job.slot, told))

    def _report_stopped(self, work: Work | None) -> None:
        if work is not None:
            self._reports.append(outcome.stopped(work.job.slot))


def _spelled(work: Work) -> dict[str, object]:
    job = work.job
    module, qualname = place_of(work.task.function)
    return {
        "kind": "run",
        "slot": job.slot,
        "task": job.task,
        "module": module,
        "qualname": qualname,
        "step_id": job.step_id,
        "queue": job.queue,
        "retry_count": job.retry_count,
        "max_retries": job.max_retries,
        "fence": job.claim_id,
    }
