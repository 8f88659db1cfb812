"""What the acceptance tests share: fleets of real processes that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acceptance.fleet import Fleet
from acceptance.stores import CHOSEN, PostgresStore, SqliteStore, Store, serving

MakeFleet = Callable[..., Fleet]


@pytest.fixture(scope="session")
def make_store() -> Iterator[Callable[[Path], Store]]:
    """Makes databases of the kind that FLEET_Q_TEST_STORE names, all on one server where there is one."""
    if CHOSEN == "sqlite":
        yield SqliteStore
        return
    with serving(CHOSEN) as server:
        yield lambda _: PostgresStore(server)


@pytest.fixture
def make_fleet(tmp_path: Path, make_store: Callable[[Path], Store]) -> Iterator[MakeFleet]:
    """Makes fleets, each in a folder of its own."""
    made: list[Fleet] = []

    def make(**settings: object) -> Fleet:
        folder = tmp_path / f"fleet-{len(made)}"
        folder.mkdir()
        made.append(Fleet(folder, make_store(folder), **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()


@pytest.fixture
def fleet(make_fleet: MakeFleet) -> Fleet:
    """A fleet on a fresh database, without a pod yet."""
    return make_fleet()
