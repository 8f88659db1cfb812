"""Tells the child processes of a pod where a test has pointed its FleetQ.

Without it their bodies would enqueue into the database that the application names, which is not the test's.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Final, cast

from .whereabouts import in_child

__all__ = ["as_redirected", "told_to_children"]

VARIABLE: Final = "FLEET_Q_TEST_REDIRECTED"


@contextmanager
def told_to_children(settings: Mapping[str, str], within: Mapping[str, str]) -> Generator[None, None, None]:
    """Let children that are started in this block exchange these settings for those."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = json.dumps({**_told(), _name(settings): dict(within)})
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def as_redirected(settings: Mapping[str, str]) -> dict[str, str]:
    """Give the settings as they are, or in a child those that its pod works with."""
    return _told().get(_name(settings), dict(settings)) if in_child() else dict(settings)


def _told() -> dict[str, dict[str, str]]:
    return cast("dict[str, dict[str, str]]", json.loads(os.environ.get(VARIABLE, "{}")))


def _name(settings: Mapping[str, str]) -> str:
    # The child imports the application anew; its FleetQ is known by what it was made with.
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
