"""Holds the tasks of `@fleet_q.task` until there is a FleetQ to run them. The only module-level state."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Final

from .decorators import TaskMaker
from .exceptions import ConfigError
from .registry import Registry

if TYPE_CHECKING:
    from .client import Client

__all__ = ["DEFAULT", "DefaultTasks"]


class DefaultTasks(TaskMaker):
    """The tasks without an owner. They belong to the default FleetQ: the first one made in this process."""

    def __init__(self) -> None:
        super().__init__(Registry(), self)
        self._owner: weakref.ref[Client] | None = None

    @property
    def registry(self) -> Registry:
        """The tasks themselves."""
        return self._registry

    def client(self) -> Client:
        """Give the default FleetQ's client. Raises ConfigError if there is none."""
        owner = self._alive()
        if owner is None:
            raise ConfigError("@fleet_q.task needs a FleetQ in this process: make one, `fq = FleetQ()`")
        return owner

    def offer(self, client: Client) -> None:
        """Make this FleetQ the default one, unless there is one that was not stopped."""
        owner = self._alive()
        if owner is None or owner.closed:
            self._owner = weakref.ref(client)

    def belong_to(self, client: Client) -> bool:
        """Whether this FleetQ is the default one."""
        return self._alive() is client

    def _alive(self) -> Client | None:
        return None if self._owner is None else self._owner()


DEFAULT: Final = DefaultTasks()
