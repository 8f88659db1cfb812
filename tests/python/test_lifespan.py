"""The app's life: FastAPI's lifespan, enqueue from a request, no signal handlers of ours."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from fleet_q import FleetQ, Stopped


async def test_the_lifespan_makes_the_process_a_pod_and_stops_it(fq: FleetQ) -> None:
    @fq.task
    async def double(x: int) -> int:
        return 2 * x

    app = FastAPI(lifespan=fq.lifespan)

    @app.post("/double/{x}")
    async def start(x: int) -> dict[str, int]:
        return {"result": await (await double.enqueue(x)).result(timeout=20)}

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    async with app.router.lifespan_context(app):
        assert fq.health()["status"] == "up"
        assert {number: signal.getsignal(number) for number in before} == before
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            assert (await client.post("/double/21")).json() == {"result": 42}
    with pytest.raises(Stopped):
        await double.enqueue(1)


async def test_the_lifespan_composes_with_the_apps_own(fq: FleetQ) -> None:
    said: list[str] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        said.append("up")
        async with fq.lifespan(app):
            yield
        said.append("down")

    app = FastAPI(lifespan=own)
    async with app.router.lifespan_context(app):
        assert fq.health()["status"] == "up"
    assert said == ["up", "down"]
