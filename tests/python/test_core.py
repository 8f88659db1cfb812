"""What goes through the core and what it refuses, with nothing of the package around it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core_kit import NOBODY, echo, enqueue, make_engine, pod, spec
from fleet_q._core import Engine, Job, Report
from fleet_q.exceptions import (
    ConfigError,
    InvalidArguments,
    PayloadTooLarge,
    ResultTimeout,
    StepNotFound,
    UniqueConflict,
)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(tmp_path)
    yield engine
    engine.close_now()


def test_every_problem_of_the_settings_is_named_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        Engine({"url": "nonsense", "max_parallelism": "0"}, {"FLEET_Q_MAX_RETRIES": "many"})
    assert len(refused.value.problems) == 3
    for name in ("FLEET_Q_URL", "FLEET_Q_MAX_PARALLELISM", "FLEET_Q_MAX_RETRIES"):
        assert name in str(refused.value)


async def test_a_step_goes_through(engine: Engine) -> None:
    async with pod(engine, echo=echo):
        [step_id] = await enqueue(engine, spec("echo", 1, {"a": 2.5}, tags=["x"], priority=7))
        step = await engine.wait(step_id, 10)
    assert step["status"] == "completed"
    assert step["result"] == step["payload"] == {"args": [1, {"a": 2.5}], "kwargs": {}, "metadata": {}}
    assert (step["tags"], step["priority"], step["error"]) == (["x"], 7, [])
    assert abs(float(str(step["created_ts"])) - time.time()) < 60


async def test_concurrent_steps_cross_in_batches(engine: Engine) -> None:
    async with pod(engine, echo=echo) as runner:
        ids = await asyncio.gather(*(enqueue(engine, spec("echo", i)) for i in range(300)))
        await asyncio.gather(*(engine.wait(step_id, 30) for [step_id] in ids))
    assert sum(runner.batches) == 300
    assert len(runner.batches) < 150
    assert len(set(runner.slots)) == 300


async def test_a_failure_keeps_its_evidence(engine: Engine) -> None:
    def fail(job: Job) -> Report:
        return (job.slot, "raised", b'{"error_type":"ValueError","message":"no","traceback":"tb"}', None)

    async with pod(engine, fail=fail):
        [step_id] = await enqueue(engine, spec("fail", max_retries=1))
        step = await engine.wait(step_id, 10)
    errors = step["error"]
    assert isinstance(errors, list)
    assert step["status"] == "failed"
    assert [(entry["error_type"], entry["message"], entry["attempt"]) for entry in errors] == [
        ("ValueError", "no", 1),
        ("ValueError", "no", 2),
    ]
    assert abs(errors[0]["ts"] - time.time()) < 60


async def test_async_and_sync_twins_answer_alike(engine: Engine) -> None:
    [one] = await enqueue(engine, spec("t", 1))
    [two] = engine.enqueue_sync([spec("t", 1)])
    assert (await engine.get(one))["task"] == engine.get_sync(two)["task"] == "t"
    assert await engine.cancel([one, NOBODY]) == ["cancelled", "unknown"]
    assert engine.cancel_sync([two, NOBODY]) == ["cancelled", "unknown"]
    assert (await engine.wait(one, 1))["status"] == engine.wait_sync(two, 1)["status"] == "cancelled"
    with pytest.raises(StepNotFound) as missing:
        await engine.get(NOBODY)
    assert missing.value.step_id == NOBODY
    with pytest.raises(StepNotFound):
        engine.get_sync(NOBODY)
    [waiting] = await enqueue(engine, spec("t", 1))
    with pytest.raises(ResultTimeout):
        await engine.wait(waiting, 0.01)
    with pytest.raises(ResultTimeout):
        engine.wait_sync(waiting, 0.01)


@pytest.mark.parametrize(
    "options",
    [
        {"delay": -1.0},
        {"delay": float("nan")},
        {"at": 1e30},
        {"delay": 1.0, "at": 1e9},
        {"priority": 2**40},
        {"max_retries": -1},
        {"step_id": "not-an-id"},
        {"queue": ""},
        {"queue": "a\ud800"},
        {"tags": "abc"},
        {"unique": "x" * 5000},
    ],
)
async def test_what_cannot_be_stored_is_refused_and_nothing_is(engine: Engine, options: dict[str, object]) -> None:
    with pytest.raises(InvalidArguments):
        await enqueue(engine, spec("t", **options))
    with pytest.raises(InvalidArguments):
        engine.enqueue_sync([spec("t", **options)])
    assert (await engine.stats())["counts"] == {}


async def test_a_refused_row_leaves_its_neighbours_and_says_so(engine: Engine) -> None:
    [held] = await enqueue(engine, spec("t", unique="k"))
    with pytest.raises(UniqueConflict) as refused:
        await enqueue(engine, spec("t"), spec("t", unique="k"), spec("t"))
    assert (refused.value.key, refused.value.holder) == ("k", held)
    assert len(refused.value.step_ids) == 2
    for step_id in refused.value.step_ids:
        assert (await engine.get(step_id))["status"] == "pending"
    with pytest.raises(PayloadTooLarge):
        await enqueue(engine, spec("t", payload=b'"' + b"x" * (2 << 20) + b'"'))
