"""`run="process"`: what crosses to a child and back, and what becomes of a step whose child dies."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import process_bodies as bodies
from conftest import MakeFleetQ
from fleet_q import ConfigError, FleetQ, StepCancelled, StepFailed, StepTimeout

LONG = bool(os.environ.get("FLEET_Q_TEST_LONG"))

SUSPECTS_SOON = {"heartbeat_interval": 0.4, "dead_pod_threshold": 3, "statement_timeout": 2, "suspect_interval": 0.1}


def children() -> dict[int, str]:
    """The children of this process and how each stands; `Z` is a zombie."""
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, ppid = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue  # it ended meanwhile
            if int(ppid) == os.getpid():
                found[int(entry.name)] = state
    return found


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it holds; the test's own timeout is the limit."""
    while not holds():  # noqa: ASYNC110 - what is awaited happens in another process
        await asyncio.sleep(0.01)


def warm(caplog: pytest.LogCaptureFixture) -> set[int]:
    """The children that said so far that they are ready."""
    said = [record.getMessage().split() for record in caplog.records if record.name == "fleet_q.processes"]
    return {int(words[2]) for words in said if words[-1] == "ready"}


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    before = set(children())
    yield
    assert set(children()) <= before


@asynccontextmanager
async def running(fq: FleetQ) -> AsyncIterator[FleetQ]:
    """A pod that gives nobody a grace at the end."""
    await fq.start()
    try:
        yield fq
    finally:
        await fq.stop(grace=0)


async def test_results_and_arguments_cross(fq: FleetQ) -> None:
    add = fq.task(run="process")(bodies.add)
    whoami = fq.task(run="process")(bodies.whoami)
    async with running(fq):
        assert await (await add.enqueue(20, 22)).result(timeout=30) == 42
        assert await (await whoami.enqueue()).result(timeout=30) in children()
        assert add(1, 2) == 3


async def test_no_child_starts_before_the_first_step(fq: FleetQ) -> None:
    fq.task(run="process")(bodies.add)
    before = children()
    async with running(fq):
        assert children() == before


async def test_failures_cross_with_their_traceback(fq: FleetQ) -> None:
    fails = fq.task(run="process", retries=0)(bodies.fails)
    async with running(fq):
        with pytest.raises(StepFailed) as caught:
            await (await fails.enqueue("of this")).result(timeout=30)
    assert (caught.value.error_type, caught.value.message) == ("LookupError", "of this")
    assert caught.value.traceback.splitlines()[-2].strip() == "raise LookupError(message)"
    assert "fleet_q/" not in caught.value.traceback


@pytest.mark.parametrize(
    ("body", "error_type"),
    [(bodies.exits, "SystemExit"), (bodies.returns_a_set, "InvalidResult"), (bodies.discards, "Discard")],
)
async def test_other_ends_fail_the_step_and_spare_the_child(
    fq: FleetQ, body: Callable[[], object], error_type: str
) -> None:
    task, whoami = fq.task(run="process", retries=0)(body), fq.task(run="process")(bodies.whoami)
    async with running(fq):
        before = await (await whoami.enqueue()).result(timeout=30)
        with pytest.raises(StepFailed) as caught:
            await (await task.enqueue()).result(timeout=30)
        assert caught.value.error_type == error_type
        assert before in children()


async def test_retry_and_snooze_cross(fq: FleetQ, tmp_path: Path) -> None:
    retries_once = fq.task(run="process")(bodies.retries_once)
    snoozes_once = fq.task(run="process")(bodies.snoozes_once)
    async with running(fq):
        assert await (await retries_once.enqueue()).result(timeout=30) == 1
        snoozed = await snoozes_once.enqueue(str(tmp_path / "mark"))
        assert await snoozed.result(timeout=30) == "awake"
        assert (await snoozed.info()).retry_count == 0


async def test_context_and_progress_cross(fq: FleetQ, tmp_path: Path) -> None:
    tells = fq.task(run="process", queue="slow", retries=5)(bodies.tells)
    go = tmp_path / "go"
    async with running(fq):
        handle = await tells.using(metadata={"who": "me"}).enqueue(str(go))
        while (await handle.info()).progress != {"fraction": 0.25, "message": "a quarter"}:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        go.touch()
        assert await handle.result(timeout=30) == [handle.id, "tells", "slow", 0, 5, True, {"who": "me"}]


async def test_context_variables_do_not_leak_into_the_next_step(make: MakeFleetQ) -> None:
    fq = make(max_processes=1)
    sees = fq.task(run="process")(bodies.sees)
    async with running(fq):
        first = await (await sees.enqueue("one")).result(timeout=30)
        seen = [await (await sees.enqueue("two")).result(timeout=30) for _ in range(3)]
    assert all(before == "nothing" for _, before in [first, *seen])


async def test_cancel_reaches_the_body(fq: FleetQ, tmp_path: Path) -> None:
    waits = fq.task(run="process")(bodies.waits_for_cancel)
    began = tmp_path / "began"
    async with running(fq):
        handle = await waits.enqueue(str(began))
        await until(began.exists)
        assert await handle.cancel() == "requested"
        with pytest.raises(StepCancelled):
            await handle.result(timeout=30)
        assert int(began.read_text()) in children(), "a body that listens keeps its child"


async def test_cancel_kills_a_body_that_does_not_listen(fq: FleetQ, tmp_path: Path) -> None:
    waits = fq.task(run="process")(bodies.waits_for_ever)
    began = tmp_path / "began"
    async with running(fq):
        handle = await waits.enqueue(str(began))
        await until(began.exists)
        await handle.cancel()
        with pytest.raises(StepCancelled):
            await handle.result(timeout=30)
        await until(lambda: int(began.read_text() or 0) not in children())


@pytest.mark.parametrize("body", [bodies.spins, bodies.holds_the_gil])
async def test_timeout_kills_what_no_thread_could_end(fq: FleetQ, body: Callable[[], None]) -> None:
    hangs = fq.task(run="process", retries=0, timeout=0.3)(body)
    add = fq.task(run="process")(bodies.add)
    async with running(fq):
        with pytest.raises(StepTimeout):
            await (await hangs.enqueue()).result(timeout=30)
        assert await (await add.enqueue(1, 1)).result(timeout=30) == 2


async def test_death_of_a_child_is_a_crash_of_its_step_and_it_runs_again(fq: FleetQ, tmp_path: Path) -> None:
    dies_once = fq.task(run="process", retries=0)(bodies.dies_once)
    async with running(fq):
        handle = await dies_once.enqueue(str(tmp_path / "mark"))
        assert await handle.result(timeout=30) == "alive"
        info = await handle.info()
    assert (info.crash_count, info.retry_count) == (1, 0)
    (error,) = info.errors
    assert (error.kind, error.error_type) == ("crash", "ProcessDied")
    assert "exited with code 3" in error.message


async def test_killer_ends_failed_with_evidence_and_harms_no_neighbour(make: MakeFleetQ) -> None:
    fq = make(max_crashes=2, max_processes=2, **SUSPECTS_SOON)
    dies, add = fq.task(run="process")(bodies.dies), fq.task(run="process")(bodies.add)
    async with running(fq):
        killer = await dies.enqueue()
        neighbours = [await add.enqueue(n, n) for n in range(20)]
        assert [await one.result(timeout=30) for one in neighbours] == [2 * n for n in range(20)]
        with pytest.raises(StepFailed, match="killed by SIGKILL") as caught:
            await killer.result(timeout=60)
        info = await killer.info()
        harmed = [await one.info() for one in neighbours]
    assert (caught.value.attempts, info.crash_count, info.retry_count) == (3, 3, 0)
    assert [error.kind for error in info.errors] == ["crash"] * 3
    assert {(one.crash_count, one.retry_count) for one in harmed} == {(0, 0)}


async def test_an_idle_child_that_dies_is_replaced(make: MakeFleetQ) -> None:
    fq = make(max_processes=1)
    whoami = fq.task(run="process")(bodies.whoami)
    async with running(fq):
        first = await (await whoami.enqueue()).result(timeout=30)
        os.kill(first, signal.SIGKILL)
        await until(lambda: first not in children())
        handle = await whoami.enqueue()
        assert await handle.result(timeout=30) != first
        assert (await handle.info()).crash_count == 0


async def test_child_is_recycled_after_max_steps_and_a_warm_one_takes_over(
    make: MakeFleetQ, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "fleet_q.processes")
    fq = make(max_processes=1, max_steps=1)
    whoami = fq.task(run="process")(bodies.whoami)
    used: list[int] = []
    async with running(fq):
        used.append(await (await whoami.enqueue()).result(timeout=30))
        for _ in range(3):
            await until(lambda: bool(warm(caplog) - set(used)))
            spare = warm(caplog) - set(used)
            used.append(await (await whoami.enqueue()).result(timeout=30))
            assert {used[-1]} == spare, "its child had been ready before the step came"
    assert len(set(used)) == 4


async def test_child_is_recycled_when_it_holds_too_much(make: MakeFleetQ) -> None:
    fq = make(max_processes=1, max_rss="200MiB")
    hoards = fq.task(run="process")(bodies.hoards)
    async with running(fq):
        lean = await (await hoards.enqueue(0)).result(timeout=30)
        await until(lambda: lean in children())
        fat = await (await hoards.enqueue(250)).result(timeout=30)
        await until(lambda: fat not in children())
        assert await (await hoards.enqueue(0)).result(timeout=30) != fat


async def test_many_steps_leave_no_zombie_and_no_descriptor(make: MakeFleetQ) -> None:
    fq = make(max_processes=2, max_steps=50)
    nothing = fq.task(run="process")(bodies.nothing)
    count = 10_000 if LONG else 1_000
    async with running(fq):
        await (await nothing.enqueue()).result(timeout=30)
        before = descriptors()
        for handle in await fq.enqueue_many([nothing.job() for _ in range(count)]):
            await handle.result(timeout=600)
        # The last one recycled may take a moment to leave, and to be reaped.
        await until(lambda: len(children()) <= 3 and "Z" not in children().values())
        assert descriptors() <= before + 4, "a pipe per child, and 20 children or more have gone"


async def test_stop_gives_a_running_step_back_unspent(make: MakeFleetQ, tmp_path: Path) -> None:
    fq = make()
    waits = fq.task(run="process")(bodies.waits_for_ever)
    began = tmp_path / "began"
    await fq.start()
    handle = await waits.enqueue(str(began))
    await until(began.exists)
    await fq.stop(grace=0.1)
    assert children() == {}
    info = await make(role="producer").handle(handle.id).info()
    assert (info.status, info.retry_count, info.crash_count, info.claimed_by) == ("pending", 0, 0, None)


async def test_a_child_enqueues_nothing_that_only_it_would_see(fq: FleetQ) -> None:
    enqueues = fq.task(run="process", retries=0)(bodies.enqueues_in_memory)
    async with running(fq):
        with pytest.raises(StepFailed, match="no part in its pod's memory"):
            await (await enqueues.enqueue()).result(timeout=30)


def nested() -> Callable[[], None]:
    def inner() -> None: ...

    return inner


async def coroutine() -> None: ...


@pytest.mark.parametrize(
    ("function", "mend"),
    [(lambda: None, "write a `def`"), (nested(), "top of its module"), (coroutine, "drop run='process'")],
)
def test_what_a_child_cannot_import_is_refused_at_registration(
    fq: FleetQ, function: Callable[[], object], mend: str
) -> None:
    with pytest.raises(ConfigError, match=mend):
        fq.task(name="some", run="process")(function)
