"""Runs the demo app in a real uvicorn, on tables of its own wherever they are, and talks to it over HTTP."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import cast

__all__ = ["SCHEMA", "DemoError", "Server", "place", "serving"]

SCHEMA = "fleet_q_demo"
"""Where the demo's tables are in a Postgres, apart from those of a fleet that works there."""
POSTGRES = ("postgres://", "postgresql://")

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 40.0


class DemoError(Exception):
    """The demo did not go as promised; the text says how."""


class Server:
    """A running app: its address, its log, and requests to it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
        self.process = process
        self.port = port
        self.folder = folder
        self._local = threading.local()
        self._connections: list[HTTPConnection] = []

    @property
    def url(self) -> str:
        """Where the app answers."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> dict[str, object]:
        """Ask for a path under /fleet-q."""
        return self._ask("GET", path, None)

    def post(self, path: str, body: dict[str, object]) -> dict[str, object]:
        """Send a body to a path under /fleet-q."""
        return self._ask("POST", path, json.dumps(body).encode())

    def wait_ready(self) -> None:
        """Wait until the pod claims. Raises DemoError with the end of the server's log."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if self._is_ready():
                return
            time.sleep(0.1)
        raise DemoError(f"the app did not become ready; the end of its log:\n{self.log_tail()}")

    def _is_ready(self) -> bool:
        try:
            self.get("/health/ready")
        except (OSError, HTTPException, DemoError):
            return False
        return True

    def log_tail(self) -> str:
        """Give the end of the server's log."""
        return "\n".join((self.folder / "server.log").read_text(errors="replace").splitlines()[-20:])

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._connections:
            connection.close()

    def _ask(self, method: str, path: str, body: bytes | None) -> dict[str, object]:
        # One connection per thread, kept open: what is measured should be the queue, not TCP.
        connection = cast("HTTPConnection | None", getattr(self._local, "connection", None))
        if connection is None:
            connection = self._local.connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
            self._connections.append(connection)
        try:
            connection.request(method, f"/fleet-q{path}", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, HTTPException):
            connection.close()
            self._local.connection = None
            raise
        if response.status >= 300:
            raise DemoError(f"{method} {path} answered {response.status}: {text[:500]}")
        return cast("dict[str, object]", json.loads(text))


def place(url: str | None, folder: Path) -> dict[str, str]:
    """Say where the tables are: at `url`, in the Postgres of FLEET_Q_URL, or in a file of the folder.

    >>> place("postgresql://db/app", Path("/tmp"))
    {'FLEET_Q_URL': 'postgresql://db/app', 'FLEET_Q_SCHEMA': 'fleet_q_demo'}
    """
    inherited = os.environ.get("FLEET_Q_URL", "")
    if url is None:
        # Into a SQLite file that is used for something else the demo goes only when told to.
        url = inherited if inherited.startswith(POSTGRES) else f"sqlite:///{folder / 'demo.db'}"
    if not url.startswith(POSTGRES):
        return {"FLEET_Q_URL": url}
    return {"FLEET_Q_URL": url, "FLEET_Q_SCHEMA": os.environ.get("FLEET_Q_SCHEMA") or SCHEMA}


@contextmanager
def serving(folder: Path, url: str | None = None) -> Generator[Server, None, None]:
    """Run the app, its log and journal in `folder`, for as long as the block lasts."""
    port = _free_port()
    settings = {
        **place(url, folder),
        "FLEET_Q_LOCAL_PATH": str(folder / "local"),
        "FLEET_Q_CAPACITY_THRESHOLD": "1",
        "FLEET_Q_POD_ID": "demo",
    }
    command = [sys.executable, "-m", "uvicorn", "fleet_q.demo.app:app", "--port", str(port), "--no-access-log"]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **settings})  # noqa: S603
    server = Server(process, port, folder)
    try:
        server.wait_ready()
        yield server
    finally:
        server.close()
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
