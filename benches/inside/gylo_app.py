"""gylo with its own worker and its defaults: one process, 256 jobs at once, batches of 128."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import gylo

import pace

URL = os.environ["BENCH_URL"]
app = gylo.Gylo()


@app.task(name="noop")
async def noop(i: int, sent_ns: int = 0) -> None:
    """Note that the body began."""
    from ticks import tick

    tick(sent_ns)


@asynccontextmanager
async def opened() -> AsyncIterator[pace.Puts]:
    """Give the two ways to enqueue."""
    connection = await asyncpg.connect(URL)

    async def put(i: int, sent_ns: int) -> None:
        await noop.enqueue(connection, i=i, sent_ns=sent_ns)

    async def put_many(numbers: Sequence[int]) -> None:
        await noop.enqueue_many(connection, [((), {"i": i}) for i in numbers])

    yield put, put_many
    await connection.close()


def main() -> None:
    """Run what the command line says."""
    command = [str(Path(sys.executable).parent / "gylo")]
    if sys.argv[1] == "setup":
        subprocess.run([*command, "migrate", "--database-url", URL], check=True, capture_output=True)
        print(json.dumps({"seconds": 0}))
    elif sys.argv[1] == "work":
        command += ["worker", "--database-url", URL, "--app", "gylo_app:app", "--processes", "1"]
        os.execv(command[0], command)
    else:
        pace.run(opened)


if __name__ == "__main__":
    main()
