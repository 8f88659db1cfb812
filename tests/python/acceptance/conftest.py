"""What the acceptance tests share: fleets of real processes that end with the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from acceptance.clocks import SteppedStore
from acceptance.fleet import Fleet
from acceptance.proxied import ProxiedStore, Proxy
from acceptance.stores import CHOSEN, PostgresServer, PostgresStore, SqliteStore, Store, serving
from acceptance.timings import LONG, SLOWER

MakeFleet = Callable[..., Fleet]


class Night(NamedTuple):
    """A fleet, and the proxy between it and its database."""

    fleet: Fleet
    proxy: Proxy


MakeNight = Callable[..., Night]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the long form as much more time as its fleets are slower."""
    here = Path(__file__).parent
    for item in (item for item in items if LONG and item.path.is_relative_to(here)):
        mark = item.get_closest_marker("timeout")
        seconds = float(mark.args[0] if mark else config.getini("timeout"))
        item.add_marker(pytest.mark.timeout(seconds * SLOWER), append=False)


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


@pytest.fixture(scope="session")
def wired() -> Iterator[PostgresServer]:
    """A server for what needs a wire: the chosen one, and Postgres 18 where that is a file."""
    with serving("postgres" if CHOSEN == "sqlite" else CHOSEN) as server:
        yield server


@pytest.fixture
def make_night(tmp_path: Path, wired: PostgresServer) -> Iterator[MakeNight]:
    """Makes fleets that reach their database through a proxy."""
    made: list[Fleet] = []

    def make(**settings: object) -> Night:
        folder = tmp_path / f"night-{len(made)}"
        folder.mkdir()
        store = ProxiedStore(wired)
        made.append(Fleet(folder, store, **settings))  # type: ignore[arg-type]
        return Night(made[-1], store.proxy)

    yield make
    for fleet in made:
        fleet.close()


@pytest.fixture(scope="session")
def stepping() -> Iterator[PostgresServer]:
    """A server whose clock can be stepped."""
    with serving(CHOSEN, "--clock") as server:
        yield server


@pytest.fixture
def make_stepped(tmp_path: Path, stepping: PostgresServer) -> Iterator[MakeFleet]:
    """Makes fleets on a database whose clock can be stepped."""
    made: list[Fleet] = []

    def make() -> Fleet:
        folder = tmp_path / f"stepped-{len(made)}"
        folder.mkdir()
        made.append(Fleet(folder, SteppedStore(stepping)))
        return made[-1]

    yield make
    for fleet in made:
        fleet.close()
