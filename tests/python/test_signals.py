"""Signals that ask a process to end are heard once each, whatever the event loop makes of them."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from fleet_q.signals import ECHO_S, heard

TURNS = 20
"""Rounds of the loop in which it has surely read what a signal wrote to its pipe."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_p10_a_signal_that_the_loop_tells_twice_is_heard_once(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now, raising=False)
    count = 0

    def hear() -> None:
        nonlocal count
        count += 1

    with heard(loop, hear):
        for wanted, later in ((1, 0.0), (1, ECHO_S / 2), (1, ECHO_S / 4), (2, ECHO_S), (2, ECHO_S / 2)):
            now += later
            os.kill(os.getpid(), number)
            for _ in range(TURNS):
                await asyncio.sleep(0)
            assert count == wanted


async def test_what_heard_a_signal_before_hears_it_again() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with heard(asyncio.get_running_loop(), lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
