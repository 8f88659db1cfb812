"""What the core says while Python is busy: log records, the line that blocks the loop, heartbeats.

These bodies block on purpose, for as long as it takes to be noticed.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core_kit import echo, enqueue, make_engine, pod, spec
from fleet_q._core import Engine, Job, Report


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(tmp_path)
    yield engine
    engine.close_now()


class Kept(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def logged() -> Iterator[list[logging.LogRecord]]:
    logger, kept = logging.getLogger("fleet_q"), Kept()
    level = logger.level
    logger.addHandler(kept)
    logger.setLevel(logging.INFO)
    yield kept.records
    logger.removeHandler(kept)
    logger.setLevel(level)


async def test_events_become_log_records_with_fields(engine: Engine, logged: list[logging.LogRecord]) -> None:
    async with pod(engine, echo=echo):
        pod_id = engine.health()["pod_id"]
    await engine.close()
    started = [record for record in logged if record.name == "fleet_q.pod" and record.getMessage() == "pod started"]
    assert [vars(record)["fleet_q"] for record in started] == [{"pod": pod_id}]


async def test_a_blocked_loop_is_named_by_task_and_line(engine: Engine, logged: list[logging.LogRecord]) -> None:
    def sleepy(job: Job) -> Report:
        time.sleep(2.2)  # real time: blocks the loop, which is what is tested
        return echo(job)

    async with pod(engine, sleepy=sleepy):
        [step_id] = await enqueue(engine, spec("sleepy"))
        await engine.wait(step_id, 30)
    await engine.close()
    [blocked] = [vars(record)["fleet_q"] for record in logged if record.name == "fleet_q.watch"]
    assert blocked["blocker"].startswith("sleepy at ")
    assert blocked["blocker"].endswith(" in sleepy")
    assert "test_core_watch.py:" in blocked["blocker"]


async def test_a_loop_blocked_by_c_code_that_keeps_the_interpreter_is_noticed(
    engine: Engine, logged: list[logging.LogRecord]
) -> None:
    def greedy(job: Job) -> Report:
        ctypes.PyDLL(None).usleep(2_000_000)
        return echo(job)

    async with pod(engine, greedy=greedy):
        [step_id] = await enqueue(engine, spec("greedy"))
        assert (await engine.wait(step_id, 30))["status"] == "completed"
    await engine.close()
    [blocked] = [vars(record)["fleet_q"] for record in logged if record.name == "fleet_q.watch"]
    assert blocked["lag_s"] >= 1


async def test_a_pod_beats_while_the_interpreter_is_held(engine: Engine) -> None:
    def greedy(job: Job) -> Report:
        ctypes.PyDLL(None).usleep(4_000_000)
        return echo(job)

    async with pod(engine, greedy=greedy):
        [step_id] = await enqueue(engine, spec("greedy"))
        await engine.wait(step_id, 30)
        assert float(str(engine.health()["last_beat_age_s"])) < 3.5
