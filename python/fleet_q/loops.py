"""Finds the event loop that a call came from, and says what to do where there is none."""

from __future__ import annotations

import asyncio

from .exceptions import ConfigError

__all__ = ["running_loop"]

NO_LOOP = (
    "no asyncio event loop runs here: fleet-q works on asyncio (uvloop, and anyio on its asyncio backend, too), not on "
    "trio; from code without an event loop, use the calls that end in _sync"
)


def running_loop() -> asyncio.AbstractEventLoop:
    """Give the running loop; the core asks here, too. Raises ConfigError."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError as cause:
        raise ConfigError(NO_LOOP, problems=[NO_LOOP]) from cause
