"""Dead letters from Python, on SQLite and on Postgres: found, filtered, replayed; and what leaders write down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from fleet_q import (
    DeadLetter,
    Discard,
    FleetQ,
    InvalidArguments,
    RetryPolicy,
    StepNotFailed,
    StepNotFound,
    UniqueConflict,
)
from fleet_q.dead_letters import DeadLetters, failure_filter
from fleet_q.testing import drain

NO_SUCH_STEP = "018f0000-0000-7000-8000-000000000000"
QUICK = {"recovery_interval": 0.3, "claim_interval": 0.05}
NO_ZONE = datetime(2026, 5, 1)  # noqa: DTZ001 - what is to be refused
well = {"now": False}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.acceptance)])
def fq(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FleetQ]:
    """A FleetQ with tasks that fail, on each store."""
    url = request.getfixturevalue("fleet_q_database" if request.param == "postgres" else "url")
    fq = FleetQ(url, local_path=tmp_path / "local", shutdown_grace=5, **QUICK)  # type: ignore[arg-type]
    well["now"] = False

    @fq.task(name="pay", retries=RetryPolicy(max_retries=1, base=0.01))
    async def pay(order: int) -> str:
        if well["now"]:
            return f"paid {order}"
        raise ConnectionError(f"no route to order {order}\nsecond line")

    @fq.task(name="drop", queue="mail", retries=0)
    async def drop() -> None:
        raise Discard("the order was deleted")

    yield fq
    fq.stop_sync()


async def fail(fq: FleetQ, *, orders: int = 2) -> list[str]:
    """Let `pay` fail for each order and then `drop`; gives their ids."""
    tasks = fq.tasks()
    paid = [await tasks["pay"].enqueue(order) for order in range(orders)]
    await drain(fq)
    dropped = await tasks["drop"].enqueue()
    await drain(fq)
    return [handle.id for handle in [*paid, dropped]]


async def test_a_failed_step_is_a_typed_dead_letter(fq: FleetQ) -> None:
    before = datetime.now(timezone.utc)
    step_id, dropped = await fail(fq, orders=1)
    latest, letter = await fq.dead_letters()
    assert (latest.step_id, latest.task, latest.queue, latest.kind) == (dropped, "drop", "mail", "discard")
    info = await fq.handle(step_id).info()
    assert letter == DeadLetter(
        step_id=step_id,
        task="pay",
        queue="default",
        created_ts=info.created_ts,
        failed_ts=info.finished_ts or before,
        retry_count=1,
        max_retries=1,
        crash_count=0,
        unique_key=None,
        kind="failure",
        error_type="ConnectionError",
        message="no route to order 0\nsecond line",
        pod=letter.pod,
    )
    assert letter.reason == "ConnectionError: no route to order 0 second line"
    assert abs(letter.failed_ts - before) < timedelta(minutes=1)
    assert fq.dead_letters_sync() == [latest, letter]


async def test_filters_and_limit_narrow(fq: FleetQ) -> None:
    first, second, dropped = await fail(fq)

    async def found(**filters: object) -> set[str]:
        listed = await fq.dead_letters(**filters)  # type: ignore[arg-type]
        assert listed == fq.dead_letters_sync(**filters)  # type: ignore[arg-type]
        return {letter.step_id for letter in listed}

    assert await found() == {first, second, dropped}
    assert await found(task="pay") == {first, second}
    assert await found(queue="mail") == {dropped}
    assert await found(error="NO ROUTE TO ORDER 1") == {second}
    assert await found(error="discard") == {dropped}
    assert await found(since=timedelta(hours=1)) == {first, second, dropped}
    assert await found(since=datetime.now(timezone.utc) + timedelta(hours=1)) == set()
    assert await found(limit=1) == {dropped}
    assert await found(limit=None) == {first, second, dropped}


async def test_all_pages_are_read(fq: FleetQ) -> None:
    jobs = [fq.tasks()["drop"].job() for _ in range(1203)]
    ids = {handle.id for handle in await fq.enqueue_many(jobs)}
    await drain(fq, timeout=60)
    found = await fq.dead_letters(limit=None)
    assert (len(found), {letter.step_id for letter in found}) == (1203, ids)
    assert found == sorted(found, key=lambda letter: (letter.failed_ts, letter.step_id), reverse=True)
    assert await fq.dead_letters(limit=777) == found[:777]
    dead = DeadLetters(fq._client)
    verdicts = dict(dead.purge_sync([*ids, NO_SUCH_STEP]))
    assert verdicts == {**dict.fromkeys(ids, "purged"), NO_SUCH_STEP: "unknown"}
    assert await fq.dead_letters() == []


@pytest.mark.parametrize(
    "filters", [{"since": "2h"}, {"since": NO_ZONE}, {"limit": 0}, {"task": ""}, {"error": "a\0b"}]
)
async def test_filters_that_make_no_sense_are_refused(fq: FleetQ, filters: dict[str, object]) -> None:
    with pytest.raises(InvalidArguments, match=next(iter(filters))):
        await fq.dead_letters(**filters)  # type: ignore[arg-type]


@pytest.mark.parametrize("twin", ["async", "sync"])
async def test_a_replayed_step_runs_again_and_keeps_its_history(fq: FleetQ, twin: str) -> None:
    step_id, _ = await fail(fq, orders=1)
    handle = fq.handle(step_id)
    well["now"] = True
    if twin == "async":
        await handle.replay()
    else:
        handle.replay_sync()
    assert (await handle.info()).status == "pending"
    await drain(fq)
    assert await handle.result() == "paid 0"
    assert [error.error_type for error in (await handle.info()).errors] == ["ConnectionError"] * 2
    with pytest.raises(StepNotFailed, match="is completed, and only a failed step can be replayed") as refused:
        await handle.replay()
    assert (refused.value.step_id, refused.value.status) == (step_id, "completed")
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize("twin", ["async", "sync"])
async def test_a_replay_that_cannot_be_is_a_typed_error(fq: FleetQ, twin: str) -> None:
    pay = fq.tasks()["pay"]

    async def replay(step_id: str) -> None:
        if twin == "async":
            await fq.handle(step_id).replay()
        else:
            fq.handle(step_id).replay_sync()

    failed = await pay.using(unique="order-1").enqueue(1)
    await drain(fq)
    live = await pay.using(unique="order-1", delay=60).enqueue(1)
    with pytest.raises(UniqueConflict, match="already holds the unique key") as conflict:
        await replay(failed.id)
    assert (conflict.value.key, conflict.value.holder) == ("order-1", live.id)
    assert await failed.status() == "failed"
    await live.cancel()
    await replay(failed.id)
    with pytest.raises(StepNotFound):
        await replay(NO_SUCH_STEP)
    with pytest.raises(InvalidArguments, match="is not an id"):
        await replay("nonsense")


async def test_only_failed_steps_are_purged(fq: FleetQ) -> None:
    step_id, dropped = await fail(fq, orders=1)
    await fq.handle(step_id).replay()
    dead = DeadLetters(fq._client)
    assert list(dead.purge_sync([step_id, dropped])) == [(step_id, "pending"), (dropped, "purged")]
    assert await fq.handle(step_id).status() == "pending"
    assert await dead.find(failure_filter(), limit=None) == []


async def test_a_new_leader_writes_down_what_failed_before_it(fq: FleetQ) -> None:
    ids = await fail(fq, orders=1)
    async with fq:
        dead = DeadLetters(fq._client)
        for _ in range(100):
            found = [letter for letter in dead.local(10) if letter.kind == "failure"]
            if len(found) == 2:
                break
            await asyncio.sleep(0.1)
    assert {letter.step_id for letter in found} == set(ids)
    (paid,) = (letter for letter in found if letter.task == "pay")
    assert (paid.evidence["error_type"], paid.evidence["went_to"]) == ("ConnectionError", "failed")
