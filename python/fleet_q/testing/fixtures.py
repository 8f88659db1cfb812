"""The fixtures that both plugins share. They are not async, so any plugin for async tests will do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fleet_q.app import FleetQ

from .redirecting import redirected

__all__ = ["fleet_q", "fleet_q_app"]


@pytest.fixture
def fleet_q_app() -> FleetQ:
    """The FleetQ under test. Override it with your application's own."""
    return FleetQ("memory://")


@pytest.fixture
def fleet_q(fleet_q_app: FleetQ, fleet_q_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FleetQ]:
    """The FleetQ under test, on a database that no other test sees, its tables made."""
    with redirected(fleet_q_app, fleet_q_url, local_path=tmp_path_factory.mktemp("fleet_q")) as fq:
        # In a thread, for asyncio.run would take the event loop away that this thread's tests may share.
        with ThreadPoolExecutor(1) as aside:
            aside.submit(asyncio.run, _connected(fq)).result()
        yield fq


async def _connected(fq: FleetQ) -> None:
    await fq._client.engine().connect()
