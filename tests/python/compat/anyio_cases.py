"""What a user of anyio's pytest plugin writes; `test_loops.py` runs it in a pytest without pytest-asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fleet_q import FleetQ

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def fq(tmp_path: Path) -> AsyncIterator[FleetQ]:
    fq = FleetQ(f"sqlite:///{tmp_path / 'queue.db'}", local_path=tmp_path / "local")
    fq.task(double)
    async with fq:
        yield fq


async def double(x: int) -> int:
    return 2 * x


async def test_a_step_comes_back(fq: FleetQ) -> None:
    step_id = await fq.submit_step({"type": "double", "args": {"x": 21}})
    assert await fq.handle(step_id).result(timeout=20) == 42


async def test_a_pod_is_up(fq: FleetQ) -> None:
    assert fq.health()["status"] == "up"
