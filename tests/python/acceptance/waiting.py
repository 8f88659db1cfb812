"""Waits for what other processes do and say, and repeats scenarios that proved nothing. Knows no fleet."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from acceptance.timings import SLOWER

__all__ = ["PATIENCE_S", "InconclusiveError", "eventually", "repeated", "said_by", "spread", "tell"]

PATIENCE_S = 60.0
ATTEMPTS_MAX = 3

T = TypeVar("T")


class InconclusiveError(Exception):
    """The fault struck when there was nothing to strike; the run proves nothing."""


def eventually(condition: Callable[[], Any], what: str, patience: float = PATIENCE_S, every: float = 0.02) -> Any:
    """Give the first truthy answer of `condition`; fail, naming `what`, if none comes in time.

    `patience` is that of the short form, in seconds; the long one has as much more as its fleets are slower.
    """
    patience *= SLOWER
    until = time.monotonic() + patience
    while not (answer := condition()):
        assert time.monotonic() < until, f"not within {patience:g} s: {what}"
        time.sleep(every)  # real time: other processes decide when; this only looks
    return answer


def repeated(scenario: Callable[[T], None], make_fleet: Callable[[], T]) -> None:
    """Run a scenario on fresh fleets until one run is conclusive."""
    why: InconclusiveError | None = None
    for _ in range(ATTEMPTS_MAX):
        try:
            scenario(make_fleet())
        except InconclusiveError as reason:
            why = reason
        else:
            return
    raise AssertionError(f"inconclusive {ATTEMPTS_MAX} times") from why


def spread(seconds: Iterable[float]) -> str:
    """Say how numbers are spread: least, median, 95th percentile, most."""
    ordered = sorted(seconds)
    if not ordered:
        return "nothing measured"
    at = [ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0, 0.5, 0.95)]
    return f"n={len(ordered)} min={at[0]:.2f} median={at[1]:.2f} p95={at[2]:.2f} max={ordered[-1]:.2f} s"


def said_by(helper: subprocess.Popen[bytes]) -> str:
    """Give the next line that a helper prints."""
    assert helper.stdout is not None
    line = helper.stdout.readline().decode()
    assert line, f"{helper.args!r} has died; its message is in the captured output"
    return line.rstrip("\n")


def tell(helper: subprocess.Popen[bytes], order: str, answer: str) -> None:
    """Give an order to a helper, and wait until it says that it is done."""
    assert helper.stdin is not None
    helper.stdin.write(f"{order}\n".encode())
    helper.stdin.flush()
    said = said_by(helper)
    assert said == answer, said
