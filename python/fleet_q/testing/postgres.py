"""A pytest plugin: a Postgres database for each test. `pytest_plugins = ["fleet_q.testing.postgres"]` in conftest.py.

The server is the one that FLEET_Q_TEST_POSTGRES_URL names, else a throw-away one from the wheel, a server for
each process that runs tests. Databases have names of their own, so processes that share a server do not meet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from .databases import database
from .fixtures import fleet_q, fleet_q_app
from .server import throwaway
from .sqlite import fleet_q_sqlite

__all__ = ["fleet_q", "fleet_q_app", "fleet_q_database", "fleet_q_postgres", "fleet_q_sqlite", "fleet_q_url"]


@pytest.fixture(scope="session")
def fleet_q_postgres() -> Iterator[str]:
    """The URL of a Postgres server, of whose databases those for tests are made."""
    told = os.environ.get("FLEET_Q_TEST_POSTGRES_URL")
    if told:
        yield told
        return
    with throwaway() as url:
        yield url


@pytest.fixture
def fleet_q_database(fleet_q_postgres: str) -> Iterator[str]:
    """The URL of an empty Postgres database that no other test sees; for your own tables, too."""
    with database(fleet_q_postgres) as url:
        yield url


@pytest.fixture
def fleet_q_url(fleet_q_database: str) -> str:
    """The database of the `fleet_q` fixture. Override it to choose another."""
    return fleet_q_database
