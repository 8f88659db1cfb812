"""One wheel on every event loop that Python services use: asyncio's, uvloop's, anyio's two; never a hang."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
import uvloop

from conftest import MakeFleetQ
from fleet_q import ConfigError, FleetQ

NOBODY = "0190163d-8694-739b-aea5-966c26f8ad91"


async def ran(fq: FleetQ) -> list[int]:
    """Three kinds of body on this loop, enqueued from it and from a thread beside it."""

    @fq.task
    async def on_loop(x: int) -> int:
        await asyncio.sleep(0)
        return 2 * x

    @fq.task
    def in_thread(x: int) -> int:
        return 3 * x

    async with fq:
        handles = [await on_loop.enqueue(1), await in_thread.enqueue(1)]
        handles.append(await asyncio.get_running_loop().run_in_executor(None, on_loop.enqueue_sync, 4))
        return [await handle.result(timeout=20) for handle in handles]


def test_a_pod_runs_on_asyncio(fq: FleetQ) -> None:
    assert asyncio.run(ran(fq)) == [2, 3, 8]


def test_a_pod_runs_on_uvloop(fq: FleetQ) -> None:
    assert uvloop.run(ran(fq)) == [2, 3, 8]


def test_a_pod_runs_on_anyio_over_asyncio(fq: FleetQ) -> None:
    assert anyio.run(ran, fq) == [2, 3, 8]


def test_one_fleet_q_serves_loops_one_after_the_other(make: MakeFleetQ) -> None:
    fq = make()

    @fq.task
    async def double(x: int) -> int:
        return 2 * x

    async def once(x: int) -> int:
        async with fq:
            return await (await double.enqueue(x)).result(timeout=20)

    assert [asyncio.run(once(x)) for x in (1, 2, 3)] == [2, 4, 6]


CALLS: dict[str, Callable[[FleetQ], Awaitable[object]]] = {
    "start": lambda fq: fq.start(),
    "enqueue": lambda fq: fq.tasks()["double"].enqueue(1),
    "enqueue_many": lambda fq: fq.enqueue_many([fq.tasks()["double"].job(1)]),
    "status": lambda fq: fq.handle(NOBODY).status(),
    "result": lambda fq: fq.handle(NOBODY).result(timeout=1),
    "stats": lambda fq: fq.stats(),
}


@pytest.mark.parametrize("name", CALLS)
def test_trio_is_refused_with_what_to_do(fq: FleetQ, name: str) -> None:
    @fq.task(name="double")
    async def double(x: int) -> int:
        return 2 * x

    async def called() -> None:
        with anyio.fail_after(10):
            await CALLS[name](fq)

    with pytest.raises(ConfigError, match=r"asyncio .* not on trio; .* _sync"):
        anyio.run(called, backend="trio")


def test_anyios_pytest_plugin_can_test_a_pod(tmp_path: Path) -> None:
    file = tmp_path / "test_inner.py"
    file.write_text(Path(__file__).with_name("anyio_cases.py").read_text())
    inner = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:asyncio", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*inner, "-c", os.devnull, "--rootdir", str(tmp_path), str(file)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
