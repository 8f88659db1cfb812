"""Points a FleetQ that the application made at a database of the test's own. Starts nothing."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fleet_q.app import FleetQ
from fleet_q.exceptions import ConfigError
from fleet_q.policy import RetryPolicy
from fleet_q.settings import as_texts

if TYPE_CHECKING:
    from fleet_q.settings import Setting

__all__ = ["AT_ONCE", "redirected"]

AT_ONCE: Final = RetryPolicy(base=0, factor=1, cap=0, jitter="none")
"""Retries that do not wait. How many there are stays the task's own."""

QUICK: Final[dict[str, Setting]] = {"claim_interval": 0.05, "idle_interval_max": 0.5, "shutdown_grace": 5}
"""A step that nobody announced, such as one inserted by plain SQL, is found soon."""


@contextmanager
def redirected(
    fq: FleetQ, url: str, *, retries: RetryPolicy | None = AT_ONCE, **settings: Setting
) -> Generator[FleetQ, None, None]:
    """Let `fq` work on the database at `url` until the block ends; nothing connects before it is used.

    Its tasks, handles and routes follow it there; its own files go to a temporary folder, or to `local_path`.
    `retries` says how long retries wait, None leaves that to the tasks; other keywords are settings of `FleetQ`.
    Raises ConfigError if `fq` is started.

    >>> fq = FleetQ("sqlite:///production.db")
    >>> with redirected(fq, "memory://"):
    ...     print(fq.settings["url"])
    memory://
    >>> fq.settings["url"]
    'sqlite:///production.db'
    """
    life = fq._life
    if life.is_running:
        raise ConfigError("this FleetQ is started: stop it before it is redirected")
    before = life.retries
    with ExitStack() as stack:
        told: dict[str, Setting] = {**QUICK, **settings, "url": url}
        if "local_path" not in settings:
            folder = tempfile.TemporaryDirectory(prefix="fleet-q-local-", ignore_cleanup_errors=True)
            told["local_path"] = Path(stack.enter_context(folder))
        stack.enter_context(fq._client.redirected(as_texts(told)))
        life.retries = retries
        try:
            yield fq
        finally:
            life.retries = before
            fq.stop_sync()
