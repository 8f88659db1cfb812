"""The app that the workers of the acceptance tests run: tasks that misbehave on order and write down what they did.

Each body appends one line when it starts and one when it ends to a file opened with O_APPEND. That
file, not the database under test, is what duplicates are judged by.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fleet_q import Context, FleetQ

fq = FleetQ()
_log = os.open(os.environ["ACCEPTANCE_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
_wanted = os.environ.get("ACCEPTANCE_TASKS")


def note(kind: str, step_id: str, fence: str = "") -> None:
    """Append one line in one write, which no other process can split."""
    line = json.dumps([kind, step_id, fence, os.getpid(), time.monotonic(), time.time()])
    os.write(_log, line.encode() + b"\n")


@contextmanager
def noted(ctx: Context) -> Iterator[None]:
    """Write down the start and how it ended: `end` if the body returned, `stop` if it was ended."""
    note("start", ctx.step_id, ctx.fence)
    try:
        yield
    except BaseException:
        note("stop", ctx.step_id, ctx.fence)
        raise
    note("end", ctx.step_id, ctx.fence)


async def noop(ctx: Context) -> None:
    """Do nothing, noted."""
    with noted(ctx):
        pass


async def silent() -> None:
    """Do nothing, and leave no trace but the row."""


async def nap(ctx: Context, least: float, most: float) -> None:
    """Sleep on the loop, as a body that waits for a service does."""
    with noted(ctx):
        await asyncio.sleep(random.uniform(least, most))


async def stumble(ctx: Context) -> None:
    """Fail the first time."""
    with noted(ctx):
        if ctx.retry_count == 0:
            raise RuntimeError("the first time")


def nap_in_thread(ctx: Context, seconds: float) -> None:
    """Sleep in a thread, where nothing can end it."""
    with noted(ctx):
        time.sleep(seconds)  # real time: a body that cannot be stopped is the point


def nap_in_process(ctx: Context, seconds: float) -> None:
    """Sleep in a child process of the pod."""
    with noted(ctx):
        time.sleep(seconds)  # real time: a child that is busy is the point


async def has_child(ctx: Context) -> None:
    """Enqueue from inside the pod, which may hand the step straight to itself."""
    with noted(ctx):
        child = await fq.submit_step({"type": "nap", "args": {"least": 0.0, "most": 0.1}})
        note("accepted", child)
        await asyncio.sleep(0.05)


async def wait_for_file(ctx: Context, path: str) -> None:
    """Run until a file is there."""
    with noted(ctx):
        while not Path(path).exists():  # noqa: ASYNC110 - another process makes it; no event of ours can tell
            await asyncio.sleep(0.02)


async def watch_health(ctx: Context, path: str) -> None:
    """Note again and again what the pod says of itself, until a file is there."""
    with noted(ctx):
        while not Path(path).exists():
            health = fq.health()
            note("health", json.dumps([health["in_flight"], health["journal_depth"], health["journal_error"]]))
            await asyncio.sleep(0.1)


async def block_loop(ctx: Context, seconds: float) -> None:
    """Block the event loop, as a forgotten `requests.get` does."""
    with noted(ctx):
        time.sleep(seconds)  # noqa: ASYNC251 - # real time: blocks the loop for whole thresholds


async def hold_gil(ctx: Context, seconds: float) -> None:
    """Hold the GIL in C: `PyDLL` does not let go of it for the call."""
    usleep = ctypes.PyDLL(None).usleep
    with noted(ctx):
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            usleep(int(left * 1e6) + 1)


async def leave(ctx: Context) -> None:
    """End the process without a farewell, as an extension that calls exit() does."""
    note("start", ctx.step_id, ctx.fence)
    os._exit(7)


TASKS: list[Callable[..., object]] = [
    noop,
    silent,
    nap,
    stumble,
    nap_in_thread,
    has_child,
    wait_for_file,
    watch_health,
    block_loop,
    hold_gil,
    leave,
]
for _task in TASKS:
    if _wanted is None or _task.__name__ in _wanted.split(","):
        fq.task(_task)
if _wanted is None or nap_in_process.__name__ in _wanted.split(","):
    fq.task(run="process")(nap_in_process)
