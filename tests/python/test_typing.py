"""The types of the public surface: mypy and pyright accept right use and refuse each wrong one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

USE = """
from __future__ import annotations
import asyncio
from fastapi import FastAPI
import fleet_q
from fleet_q import Context, FleetQ, Handle, RetryPolicy

fq = FleetQ(queues={"default": 10, "llm": 4}, role="both")
app = FastAPI(lifespan=fq.lifespan)
app.include_router(fq.router(), prefix="/fleet-q")


@fq.task(queue="mail", priority=5, retries=RetryPolicy(max_retries=5, base=0.05, cap=30), timeout=60)
async def send(ctx: Context, order_id: int, *, note: str = "") -> str:
    return f"{ctx.step_id} {order_id} {note}"


@fleet_q.task
def resize(path: str) -> int:
    return len(path)


@fq.task
async def ping(x: int) -> int:
    return x


@fq.task
async def anything(value: object, more: int = 0) -> int:
    return more


@fq.task(retries=1)
def context_alone(ctx: Context) -> None: ...


async def main() -> None:
    anything_at_all: int = await (await anything.enqueue({"a": 1}, more=2)).result()
    context_alone.enqueue_sync()
    print(anything_at_all)
    handle: Handle[str] = await send.enqueue(42, note="a")
    text: str = await handle.result(timeout=30)
    direct: str = await send(42)
    number: int = resize("a")
    size: int = resize.enqueue_sync("a").result_sync()
    later: Handle[int] = await ping.using(delay=60, unique="u", tags=["a"]).enqueue(1)
    await fq.enqueue_many([send.job(1), resize.job("a.png"), ping.job(2)])
    state: fleet_q.State = await later.status()
    asyncio.create_task(ping(1))
    print(text, direct, number, size, state)
    await send.enqueue("42")  # WRONG argument type
    await send.enqueue()  # WRONG missing argument
    await send.enqueue(42, nothing=1)  # WRONG unknown keyword
    resize.enqueue_sync(5)  # WRONG argument type
    wrong: int = await handle.result()  # WRONG result type
    resize(5)  # WRONG direct call
    send.using(delay="x")  # WRONG option type
    FleetQ(role="boss")  # WRONG role
    fq.task(run="fork")  # WRONG executor
    print(wrong)
"""


@pytest.fixture
def use(tmp_path: Path) -> Path:
    file = tmp_path / "use.py"
    file.write_text(USE)
    return file


def wrong_lines() -> list[int]:
    return [number for number, line in enumerate(USE.splitlines(), 1) if "# WRONG" in line]


def test_mypy_refuses_the_wrong_lines_and_only_those(use: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "", str(use)],
        capture_output=True,
        text=True,
        cwd=use.parent,
        env={"MYPYPATH": str(ROOT / "python"), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    found = sorted({int(line) for line in re.findall(r"use\.py:(\d+): error", done.stdout)})
    assert found == wrong_lines(), done.stdout + done.stderr


def test_pyright_refuses_the_wrong_lines_and_only_those(use: Path) -> None:
    (use.parent / "pyrightconfig.json").write_text(
        json.dumps({"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "python")], "include": ["use.py"]})
    )
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable],
        capture_output=True,
        text=True,
        cwd=use.parent,
        check=False,
    )
    diagnostics = json.loads(done.stdout)["generalDiagnostics"]
    found = sorted({one["range"]["start"]["line"] + 1 for one in diagnostics if one["severity"] == "error"})
    assert found == wrong_lines(), diagnostics
