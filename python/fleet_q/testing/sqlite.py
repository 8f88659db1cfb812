"""A pytest plugin: a SQLite file for each test. `pytest_plugins = ["fleet_q.testing.sqlite"]` in conftest.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from .fixtures import fleet_q, fleet_q_app

__all__ = ["fleet_q", "fleet_q_app", "fleet_q_sqlite", "fleet_q_url"]


@pytest.fixture
def fleet_q_sqlite(tmp_path: Path) -> str:
    """The URL of a SQLite file that no other test sees."""
    return f"sqlite:///{tmp_path / 'fleet_q.db'}"


@pytest.fixture
def fleet_q_url(fleet_q_sqlite: str) -> str:
    """The database of the `fleet_q` fixture. Override it to choose another."""
    return fleet_q_sqlite
