"""How an engine lives and ends: threads, forks, signals, closed loops, pods one after the other."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from core_kit import NOBODY, Bodies, await_threads, echo, enqueue, make_engine, pod, spec, threads
from fleet_q._core import Engine
from fleet_q.exceptions import ConfigError, Stopped


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(tmp_path)
    yield engine
    engine.close_now()


def test_an_engine_that_is_not_used_starts_no_thread(tmp_path: Path) -> None:
    before = threads()
    engine = make_engine(tmp_path)
    assert engine.settings["max_parallelism"] == 100
    assert engine.health()["status"] == "not started"
    engine.close_now()
    assert threads() == before


async def test_a_cancelled_wait_is_let_be(engine: Engine) -> None:
    [step_id] = await enqueue(engine, spec("t"))
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(engine.wait(step_id, None), 0.05)
    loop = asyncio.get_running_loop()
    future: asyncio.Future[list[str]] = loop.create_future()
    engine.enqueue([spec("t")], loop, future)
    future.cancel()
    assert len(await enqueue(engine, spec("t"))) == 1


async def test_closing_ends_what_waits_and_every_thread(engine: Engine) -> None:
    before = threads()
    [step_id] = await enqueue(engine, spec("t"))
    waiting = asyncio.ensure_future(engine.wait(step_id, None))
    await asyncio.sleep(0)
    await engine.close()
    await engine.close()
    with pytest.raises(Stopped):
        await waiting
    with pytest.raises(Stopped):
        await enqueue(engine, spec("t"))
    with pytest.raises(Stopped):
        engine.get_sync(step_id)
    engine.close_now()
    await_threads(before)


class _Interrupted(asyncio.SelectorEventLoop):
    """A loop that is interrupted where it makes a future, as the end of Python's switch interval may do."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], None] = lambda: None

    def create_future(self) -> asyncio.Future[Any]:
        meanwhile, self.meanwhile = self.meanwhile, lambda: None
        meanwhile()
        return super().create_future()


def test_a_close_that_is_interrupted_before_it_waits_still_ends(engine: Engine) -> None:
    before = threads()
    engine.enqueue_sync([spec("t")])
    loop = _Interrupted()

    async def close() -> None:
        # Long enough for whatever was begun to come to its end.
        loop.meanwhile = lambda: time.sleep(1)  # real time: the core's threads run on it
        await asyncio.wait_for(engine.close(), 10)

    with closing(loop):
        loop.run_until_complete(close())
    await_threads(before)


def test_a_call_that_another_thread_closes_the_engine_under_ends_too(engine: Engine) -> None:
    engine.enqueue_sync([spec("t")])
    loop = _Interrupted()

    async def look() -> None:
        loop.meanwhile = engine.close_now
        await asyncio.wait_for(engine.stats(), 10)

    with closing(loop), pytest.raises(Stopped):
        loop.run_until_complete(look())


def test_an_engine_that_is_let_go_closes_behind_itself(tmp_path: Path) -> None:
    before = threads()
    engine = make_engine(tmp_path)
    engine.enqueue_sync([spec("t")])
    del engine
    await_threads(before)


def test_a_closed_loop_does_not_end_the_bridge(engine: Engine) -> None:
    async def leave_something() -> None:
        loop = asyncio.get_running_loop()
        engine.enqueue([spec("t")], loop, loop.create_future())

    asyncio.run(leave_something())
    assert len(engine.enqueue_sync([spec("t")])) == 1
    assert len(asyncio.run(enqueue(engine, spec("t")))) == 1


def test_a_signal_interrupts_a_blocked_caller(engine: Engine) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    [step_id] = engine.enqueue_sync([spec("t")])
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        with pytest.raises(KeyboardInterrupt):
            engine.wait_sync(step_id, 30)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_blocked_caller_lets_go_of_the_interpreter(engine: Engine) -> None:
    [step_id] = engine.enqueue_sync([spec("t")])
    waiter = threading.Thread(target=lambda: engine.wait_sync(step_id, 30))
    waiter.start()
    assert engine.cancel_sync([step_id]) == ["cancelled"]
    waiter.join(10)
    assert not waiter.is_alive()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_gets_an_error_not_a_hang(engine: Engine, tmp_path: Path) -> None:
    engine.enqueue_sync([spec("t")])
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for call in (lambda: engine.enqueue_sync([spec("t")]), engine.health, lambda: engine.get_sync(NOBODY)):
                with pytest.raises(Stopped, match="fork"):
                    call()
            engine.close_now()
            own = make_engine(tmp_path)
            with pytest.raises(ConfigError, match="forked"):
                own.enqueue_sync([spec("t")])
            own.close_now()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0) == (child, 0)
    assert len(engine.enqueue_sync([spec("t")])) == 1


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_an_engine_made_before_a_fork_is_opened_by_the_child(tmp_path: Path) -> None:
    engine = make_engine(tmp_path)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            engine.enqueue_sync([spec("t")])
            engine.close_now()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0) == (child, 0)
    assert len(engine.enqueue_sync([spec("t")])) == 1
    engine.close_now()


async def test_a_slot_of_an_earlier_pod_cannot_end_a_later_step(engine: Engine) -> None:
    async with pod(engine, echo=echo) as first:
        [step_id] = await enqueue(engine, spec("echo"))
        await engine.wait(step_id, 10)
    async with pod(engine, echo=echo) as second:
        [step_id] = await enqueue(engine, spec("echo"))
        await engine.wait(step_id, 10)
    assert not set(first.slots) & set(second.slots)
    assert not engine.begin(first.slots[0])


async def test_a_second_start_is_refused_and_harms_nothing(engine: Engine) -> None:
    async with pod(engine, echo=echo):
        other = Bodies(engine, {"echo": echo})
        with pytest.raises(ConfigError, match="already started"):
            await engine.start(asyncio.get_running_loop(), other, other.specs(), 1)
        [step_id] = await enqueue(engine, spec("echo"))
        assert (await engine.wait(step_id, 10))["status"] == "completed"


@pytest.mark.parametrize("attempt", range(3))
def test_a_process_that_closes_nothing_still_exits_well(tmp_path: Path, attempt: int) -> None:
    left_open = (
        "import asyncio, logging\n"
        "from pathlib import Path\n"
        "from core_kit import Bodies, echo, enqueue, make_engine, spec\n"
        "logging.basicConfig(level=logging.DEBUG)\n"
        f"engine = make_engine(Path({str(tmp_path)!r}))\n"
        "async def main():\n"
        "    runner = Bodies(engine, {'echo': echo})\n"
        "    await engine.start(asyncio.get_running_loop(), runner, runner.specs(), 1)\n"
        "    asyncio.ensure_future(engine.wait((await enqueue(engine, spec('later')))[0], None))\n"
        "asyncio.run(main())\n"
    )
    paths = os.pathsep.join(sys.path)
    ended = subprocess.run(
        [sys.executable, "-c", left_open], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, timeout=60
    )
    assert ended.returncode == 0, ended.stderr.decode()
    assert b"pod stopped" in ended.stderr
