"""Runs what a test enqueued until nothing is left to run. Decides what that means; the pod does the work."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from fleet_q.exceptions import ConfigError, ResultTimeout
from fleet_q.options import seconds

from .looking import steps

if TYPE_CHECKING:
    from fleet_q.app import FleetQ
    from fleet_q.step import StepInfo
    from fleet_q.types import Seconds, State
    from fleet_q.views import Stats

__all__ = ["drain", "drain_sync"]

OPEN: Final[tuple[State, ...]] = ("blocked", "scheduled", "pending", "claimed")
LOOK_EVERY_S: Final = 0.25
"""How often to look anew for steps that others enqueued, or that went back to wait; an end is noticed at once."""


async def drain(fq: FleetQ, *, timeout: Seconds = 10) -> Stats:
    """Run steps in this process until none is due within `timeout` seconds, and count what they became.

    A pod is started for it, and stopped when it is done, unless `fq` is started already.
    What is scheduled for later stays scheduled. Raises ResultTimeout naming what is left after `timeout`,
    ConfigError if `fq` only enqueues, and what `start` raises.
    """
    limit, life = seconds(timeout, "timeout"), fq._life
    if fq.settings["role"] == "producer":
        raise ConfigError("this FleetQ only enqueues: `redirected(fq, url, role='both')` lets it run steps too")
    if life.is_running:
        await _until_idle(fq, limit)
        return await fq.stats()
    await life.start()
    grace: float | None = 0.0
    try:
        await _until_idle(fq, limit)
        grace = None
    finally:
        await life.pause(grace)
    return await fq.stats()


def drain_sync(fq: FleetQ, *, timeout: Seconds = 10) -> Stats:
    """Run steps from code without an event loop, such as a test with Starlette's TestClient. Raises as `drain` does."""
    return asyncio.run(drain(fq, timeout=timeout))


async def _until_idle(fq: FleetQ, limit: float) -> None:
    deadline = time.monotonic() + limit
    horizon = datetime.now(timezone.utc) + timedelta(seconds=limit)
    while ahead := [step for step in await steps(fq, states=OPEN) if _is_due(step, horizon)]:
        left = deadline - time.monotonic()
        if left <= 0:
            raise ResultTimeout(_told(ahead, limit), step_id=ahead[0].step_id)
        try:
            await fq._client.engine().wait(ahead[0].step_id, min(left, LOOK_EVERY_S))
        except ResultTimeout:
            continue


def _is_due(step: StepInfo, horizon: datetime) -> bool:
    return step.status != "scheduled" or step.available_ts is None or step.available_ts <= horizon


def _told(ahead: list[StepInfo], limit: float) -> str:
    shown = ", ".join(f"{step.task} {step.step_id} ({step.status})" for step in ahead[:5])
    more = f" and {len(ahead) - 5} more" if len(ahead) > 5 else ""
    return f"after {limit:g} s there are still steps to run: {shown}{more}; does this FleetQ have their tasks?"
