"""P4, P5, P7 on a network and a server that end connections at random, for a while and under load."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial

import pytest

from acceptance import fleet as kit
from acceptance.conftest import MakeNight, Night
from acceptance.fleet import order
from acceptance.judge import judge
from acceptance.waiting import InconclusiveError, repeated

pytestmark = [pytest.mark.acceptance, pytest.mark.night, pytest.mark.timeout(240)]

FOR_S = 60 if kit.LONG else 15
LEAST_CUT = 10
ENDED = """
select count(*) filter (where state = 'active'), count(pg_terminate_backend(pid))
from pg_stat_activity where application_name like 'fleet-q%' and random() < ?
"""


def test_p4_p5_connections_that_are_reset_at_random_lose_nothing(make_night: MakeNight) -> None:
    """P4, P5, P7: the proxy resets connections, also in the midst of a message's answer, and now and then all."""
    repeated(reset, make_night)


def reset(night: Night) -> None:
    """Reset one connection after one message in two hundred, and every connection some four times in three seconds."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    start(night)
    night.proxy.cut(0.005, seed)
    through(night, random.Random(seed), night.proxy.reset)
    print(night.proxy.counts())
    if night.proxy.count("cut while busy") < LEAST_CUT:
        raise InconclusiveError(night.proxy.counts())


def test_p4_p5_backends_that_are_terminated_at_random_lose_nothing(make_night: MakeNight) -> None:
    """P4, P5, P7: an administrator, or a failover, ends a third of the connections again and again."""
    repeated(terminated, make_night)


def terminated(night: Night) -> None:
    """`pg_terminate_backend`, at random moments and of random backends."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    ended = [0, 0]
    start(night)
    through(night, random.Random(seed), partial(terminate, night, ended))
    print(f"connections ended: {ended[1]}, in the midst of a statement: {ended[0]}")
    if ended[1] < LEAST_CUT:
        raise InconclusiveError(f"only {ended[1]} connections were ended")


def terminate(night: Night, ended: list[int]) -> None:
    """End a third of the backends of pods and producers."""
    active, all_of_them = night.fleet.query(ENDED, 0.3)[0]
    ended[0] += active
    ended[1] += all_of_them


def start(night: Night) -> None:
    """Start two pods, before anything is struck: what a lost registration does is a test of its own."""
    for name in ("one", "two"):
        night.fleet.worker(name)


def through(night: Night, draws: random.Random, strike: Callable[[], None]) -> None:
    """Keep the pods busy, strike at random moments, then see every step through."""
    fleet, proxy = night
    # A little more than can be produced in the time.
    count, pace = FOR_S * 8, 0.15
    load = [order("has_child", count, batch=2, pace=pace), order("nap", count, batch=2, pace=pace, least=0, most=0.5)]
    producer = fleet.produce(load, wait=False)
    until = time.monotonic() + FOR_S
    while time.monotonic() < until:
        time.sleep(draws.uniform(0.1, 1.4))  # real time: random moments are the point
        strike()
    if producer.process.poll() is not None and not fleet.open_steps():
        raise InconclusiveError("the work was over before the faults were")
    proxy.behave()
    assert producer.wait() == 0, producer.tail()
    fleet.settled(40)
    judge(fleet)
    assert fleet.scalar("select sum(crash_count) from step_tracker") == 0
