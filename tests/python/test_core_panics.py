"""A panic in the core ends one call with a typed error: nobody waits for ever, and nobody else is harmed.

Planted from outside: Python code that raises pyo3's PanicException makes the Rust that called it panic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core_kit import NOBODY, echo, enqueue, make_engine, pod, spec
from fleet_q import exceptions
from fleet_q._core import Engine, encode
from fleet_q.exceptions import FleetQError

TOLD = "a defect of fleet-q ended the call"
PATIENCE_S = 10


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(tmp_path)
    yield engine
    engine.close_now()


@pytest.fixture(scope="module", autouse=True)
def panic() -> type[BaseException]:
    """Find the exception that is a panic to Rust; it is born when Rust first catches one of Python's."""

    def refuses(_: object) -> object:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        encode(object(), 100, refuses)
    Planted.kind = next(kind for kind in BaseException.__subclasses__() if kind.__name__ == "PanicException")
    return Planted.kind


class Planted:
    """What to raise where a panic is wanted."""

    kind: type[BaseException]


def panics(*_: object, **__: object) -> None:
    raise Planted.kind("planted")


def panics_once(call: Callable[..., object], when: Callable[..., bool]) -> Callable[..., object]:
    """Wrap a function so that its first call of this kind panics."""
    planted = [Planted.kind("planted")]

    def called(*args: object, **kwargs: object) -> object:
        if planted and when(*args):
            raise planted.pop()
        return call(*args, **kwargs)

    return called


@pytest.mark.parametrize(("where", "kind"), [("StepNotFound", FleetQError), ("FleetQError", RuntimeError)])
async def test_a_call_whose_answer_panics_raises(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, where: str, kind: type[Exception]
) -> None:
    monkeypatch.setattr(exceptions.StepNotFound, "__init__", panics)
    monkeypatch.setattr(getattr(exceptions, where), "__init__", panics)
    with pytest.raises(kind, match=TOLD):
        await asyncio.wait_for(engine.get(NOBODY), PATIENCE_S)
    with pytest.raises(kind, match=TOLD):
        engine.get_sync(NOBODY)
    monkeypatch.undo()
    with pytest.raises(exceptions.StepNotFound):
        await engine.get(NOBODY)


async def test_an_enqueue_whose_refusal_panics_raises_and_its_neighbour_is_answered(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    [holder] = await enqueue(engine, spec("t", unique="k"))
    monkeypatch.setattr(exceptions.UniqueConflict, "__init__", panics)
    both = asyncio.gather(
        enqueue(engine, spec("t", unique="k")), enqueue(engine, spec("t", unique="j")), return_exceptions=True
    )
    refused, stored = await asyncio.wait_for(both, PATIENCE_S)
    assert isinstance(refused, FleetQError)
    assert TOLD in str(refused)
    assert isinstance(stored, list)
    assert stored != [holder]


async def test_an_answer_reaches_its_loop_though_the_wake_up_panics(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    settles = panics_once(loop.call_soon_threadsafe, lambda *args: len(args) == 2)
    monkeypatch.setattr(loop, "call_soon_threadsafe", settles)
    assert len(await asyncio.wait_for(enqueue(engine, spec("t")), PATIENCE_S)) == 1


async def test_a_step_whose_delivery_panics_is_given_back_and_runs(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    async with pod(engine, t=echo) as runner:
        delivers = panics_once(loop.call_soon_threadsafe, lambda call, *_: call == runner.deliver)
        monkeypatch.setattr(loop, "call_soon_threadsafe", delivers)
        [step_id] = await enqueue(engine, spec("t"))
        await asyncio.wait_for(engine.wait(step_id, None), PATIENCE_S)
        assert runner.batches == [1]
