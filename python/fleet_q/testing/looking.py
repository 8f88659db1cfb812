"""Shows the steps of a test's database. Changes none."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from fleet_q.step import StepInfo

if TYPE_CHECKING:
    from fleet_q.app import FleetQ
    from fleet_q.task import AnyTask
    from fleet_q.types import State

__all__ = ["steps", "steps_sync"]

PAGE = 500


async def steps(fq: FleetQ, task: AnyTask | str | None = None, *, states: Collection[State] = ()) -> list[StepInfo]:
    """List the steps of a task, or all of them, oldest first; no states means any.

    Raises StoreUnavailable or InvalidArguments.
    """
    name = task if task is None or isinstance(task, str) else task.name
    found: list[StepInfo] = []
    before: str | None = None
    while True:
        page = await fq._client.engine().search(None, name, list(states), None, before, PAGE)
        found += map(StepInfo.read, page)
        if len(page) < PAGE:
            return found[::-1]
        before = found[-1].step_id


def steps_sync(fq: FleetQ, task: AnyTask | str | None = None, *, states: Collection[State] = ()) -> list[StepInfo]:
    """List the steps of a task, from code without an event loop."""
    return asyncio.run(steps(fq, task, states=states))
