"""Reads `--since`: how long ago, or a moment. Knows no clock: the database subtracts."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from fleet_q.exceptions import InvalidArguments

__all__ = ["since_of"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def since_of(text: str) -> datetime | timedelta:
    """Read `90s`, `30m`, `2h`, `7d` or an ISO moment, which without a zone is this machine's. Raises InvalidArguments.

    >>> since_of("2h")
    datetime.timedelta(seconds=7200)
    """
    ago = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip())
    try:
        if ago is not None:
            return timedelta(**{_UNITS[ago[2]]: float(ago[1])})
        return datetime.fromisoformat(text.strip().replace("Z", "+00:00")).astimezone()
    except (ValueError, OverflowError) as cause:
        raise InvalidArguments(
            f"--since is {text!r}; write how long ago (30m, 2h, 7d) or a moment (2026-05-01T08:00)", path="since"
        ) from cause
