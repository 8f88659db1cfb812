"""Bad input: each line of it gets a typed error that names what and how to mend it, and nothing is stored."""

from __future__ import annotations

import functools
import math
import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import pytest

from fleet_q import (
    ConfigError,
    Context,
    FleetQ,
    FleetQError,
    InvalidArguments,
    PayloadTooLarge,
    SchemaMismatch,
    StepNotFound,
    Stopped,
    StoreUnavailable,
    UnknownTask,
)

MakeFleetQ = Callable[..., FleetQ]


def cyclic() -> list[object]:
    value: list[object] = []
    value.append(value)
    return value


def deep(levels: int) -> list[object]:
    value: list[object] = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.fixture
async def nothing_stored(fq: FleetQ) -> AsyncIterator[FleetQ]:
    yield fq
    assert (await fq.stats()).counts == {}


NOT_JSON = {
    "a set": {1},
    "bytes": b"x",
    "an object": object(),
    "NaN": math.nan,
    "Infinity": math.inf,
    "minus Infinity": -math.inf,
    "NUL": "a\0b",
    "a lone surrogate": "\ud800",
    "beyond 64 bit": 2**64,
    "below 64 bit": -(2**63) - 1,
    "a cycle": cyclic(),
    "10,000 deep": deep(10_000),
    "a key that is no text": {1: "a"},
    "a key with NUL": {"a\0": 1},
}


@pytest.mark.parametrize("value", NOT_JSON.values(), ids=NOT_JSON.keys())
@pytest.mark.parametrize("nested", [False, True])
async def test_values_that_no_store_can_hold_are_refused(nothing_stored: FleetQ, value: object, nested: bool) -> None:
    @nothing_stored.task
    async def take(value: object) -> None: ...

    given = {"list": [1, value]} if nested else value
    for enqueue in (take.enqueue_sync, take.job):
        with pytest.raises(InvalidArguments) as caught:
            enqueue(given)
        assert caught.value.path is not None
        assert caught.value.path.startswith("$.args[0]")
    with pytest.raises(InvalidArguments):
        await take.enqueue(given)
    with pytest.raises(InvalidArguments):
        await nothing_stored.submit_step({"type": "take", "args": [given]})  # type: ignore[list-item]


async def test_a_payload_over_the_limit_is_refused(make: MakeFleetQ) -> None:
    fq = make(payload_limit=2048)

    @fq.task
    async def take(value: str) -> None: ...

    with pytest.raises(PayloadTooLarge, match="PAYLOAD_LIMIT") as caught:
        await take.enqueue("x" * 3000)
    assert caught.value.limit == 2048
    assert (await fq.stats()).counts == {}


async def test_an_unknown_task_is_refused_with_the_known_ones(nothing_stored: FleetQ) -> None:
    @nothing_stored.task
    async def resize() -> None: ...

    with pytest.raises(UnknownTask, match=r"'resise'.*known: resize") as caught:
        await nothing_stored.submit_step({"type": "resise"})
    assert caught.value.task == "resise"


@pytest.mark.parametrize(
    "step",
    [
        {},
        {"type": ""},
        {"type": 5},
        {"type": "take", "args": "x"},
        {"type": "take", "args": {"value": "5"}},
        {"type": "take", "args": {}},
        {"type": "take", "args": [1, 2]},
        {"type": "take", "args": [1], "metadata": 5},
        {"type": "take", "args": [1], "surprise": 5},
        {"task_type": None},
    ],
    ids=str,
)
async def test_a_submission_of_the_wrong_shape_is_refused(nothing_stored: FleetQ, step: dict[str, object]) -> None:
    @nothing_stored.task
    async def take(value: int) -> None: ...

    with pytest.raises(InvalidArguments):
        await nothing_stored.submit_step(step)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"delay": -1},
        {"delay": "5"},
        {"delay": math.nan},
        {"at": datetime(2030, 1, 1)},  # noqa: DTZ001 - that is the point
        {"at": "tomorrow"},
        {"delay": 1, "at": 2e9},
        {"queue": ""},
        {"queue": None},
        {"priority": 1.5},
        {"priority": 2**31},
        {"unique": ""},
        {"tags": "abc"},
        {"tags": [1]},
        {"step_id": ""},
        {"metadata": [1]},
    ],
    ids=str,
)
async def test_options_that_make_no_sense_are_refused_by_name(
    nothing_stored: FleetQ, options: dict[str, object]
) -> None:
    @nothing_stored.task
    async def take() -> None: ...

    with pytest.raises(InvalidArguments) as caught:
        take.using(**options)  # type: ignore[arg-type]
    assert caught.value.path in options


@pytest.mark.parametrize(
    "options", [{"step_id": "abc"}, {"queue": "a\0b"}, {"unique": "\ud800"}, {"metadata": {"a": {1}}}]
)
async def test_options_that_no_store_can_hold_are_refused(nothing_stored: FleetQ, options: dict[str, object]) -> None:
    @nothing_stored.task
    async def take() -> None: ...

    with pytest.raises(InvalidArguments):
        await take.using(**options).enqueue()  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "", "sqlite:/x"])
def test_a_bad_url_is_refused_at_construction(url: str) -> None:
    with pytest.raises(ConfigError, match="FLEET_Q_URL"):
        FleetQ(url)


async def test_an_unwritable_path_is_told_with_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fq = FleetQ(f"sqlite:///{tmp_path / 'file' / 'queue.db'}", connect_timeout=0.2)
    with pytest.raises((ConfigError, StoreUnavailable), match=r"file/queue\.db"):
        await fq.start()
    await fq.stop()


def test_every_invalid_setting_is_reported_at_once_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_Q_MAX_RETRIES", "many")
    with pytest.raises(ConfigError) as caught:
        FleetQ(
            "sqlite:///x.db",
            max_parallelism=0,
            capacity_threshold=2,
            role="boss",  # type: ignore[arg-type]
            heartbeat_interval=10,
            dead_pod_threshold=11,
        )
    told = "\n".join(caught.value.problems)
    for variable in ("MAX_RETRIES", "MAX_PARALLELISM", "CAPACITY_THRESHOLD", "ROLE", "DEAD_POD_THRESHOLD"):
        assert f"FLEET_Q_{variable}" in told


def test_a_setting_of_another_type_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="queues"):
        FleetQ(queues=object())  # type: ignore[arg-type]


async def test_a_database_of_a_newer_schema_is_refused(make: MakeFleetQ, tmp_path: Path) -> None:
    async with make(role="producer"):
        pass
    with sqlite3.connect(tmp_path / "queue.db") as database:
        (version,) = database.execute("pragma user_version").fetchone()
        database.execute(f"pragma user_version = {version + (1 << 16) + 1000}")
    newer = make(role="producer")
    with pytest.raises(SchemaMismatch, match="upgrade fleet-q"):
        await newer.start()


async def test_enqueue_after_stop_is_refused_with_the_remedy(fq: FleetQ) -> None:
    @fq.task
    async def take() -> None: ...

    await fq.stop()
    with pytest.raises(Stopped, match="start"):
        await take.enqueue()
    with pytest.raises(Stopped):
        await fq.submit_step({"type": "take"})


async def test_a_step_that_is_not_there_is_told(fq: FleetQ) -> None:
    nobody = "0190163d-8694-739b-aea5-966c26f8ad91"
    with pytest.raises(StepNotFound) as caught:
        await fq.get_step_status(f"step-{nobody}")
    assert caught.value.step_id == nobody
    with pytest.raises(InvalidArguments, match="is not an id"):
        await fq.get_step_status("nonsense")
    assert await fq.handle(nobody).cancel() == "unknown"


async def test_one_bad_row_does_not_harm_its_batch(fq: FleetQ) -> None:
    @fq.task
    async def take(x: int) -> None: ...

    held = await take.using(unique="k").enqueue(0)
    jobs = [take.job(1), take.using(unique="k").job(2), take.job(3)]
    with pytest.raises(FleetQError) as caught:
        await fq.enqueue_many(jobs)
    assert len(caught.value.step_ids) == 2
    assert held.id not in caught.value.step_ids
    assert (await fq.stats()).counts == {"default": {"pending": 3}}


def generator() -> object:
    yield 1


async def async_generator() -> object:
    yield 1


async def coroutine() -> None: ...


def context_last(x: int, ctx: Context) -> None: ...


@pytest.mark.parametrize(
    ("function", "options", "told"),
    [
        (generator, {}, "generator"),
        (async_generator, {}, "generator"),
        (print, {}, "above a function"),
        (FleetQ, {}, "above a function"),
        (functools.partial(coroutine), {}, "above a function"),
        (5, {}, "above a function"),
        (coroutine, {"run": "thread"}, "drop run='thread'"),
        (coroutine, {"run": "process"}, "drop run='process'"),
        (coroutine, {"run": "fork"}, "run must be"),
        (coroutine, {"on_fence": "panic"}, "on_fence must be"),
        (coroutine, {"retries": -1}, "retries must be"),
        (coroutine, {"retries": "3"}, "retries must be"),
        (coroutine, {"timeout": -1}, "timeout must be"),
        (coroutine, {"queue": ""}, "queue must be"),
        (coroutine, {"priority": "high"}, "priority must be"),
        (coroutine, {"name": ""}, "name must be"),
        (context_last, {}, "Context must be the first parameter"),
    ],
)
def test_what_cannot_be_a_task_is_refused_at_registration(
    fq: FleetQ, function: Callable[..., object], options: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError, match=told):
        fq.task(**options)(function)  # type: ignore[call-overload]
    assert fq.tasks() == {}


def test_two_functions_of_one_name_are_refused(fq: FleetQ) -> None:
    fq.task(coroutine)
    fq.task(coroutine)
    with pytest.raises(ConfigError, match="two functions want the task name 'coroutine'"):
        fq.task(name="coroutine")(generator_free)


def generator_free() -> None: ...
