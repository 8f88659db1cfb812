"""The collector is spared what a process loaded before it served: in processes of ours, and nowhere else."""

from __future__ import annotations

import gc
from collections.abc import Callable
from subprocess import CompletedProcess

from fleet_q import FleetQ
from fleet_q.garbage import spared

Script = Callable[..., CompletedProcess[str]]

SERVES = """
import gc, os, signal
from fleet_q import FleetQ
fq = FleetQ("sqlite:///q.db", local_path="local")

@fq.task{options}
def look() -> list[object]:
    os.kill(int(os.environ["POD"]), signal.SIGTERM)
    return [gc.get_freeze_count() > 1000, gc.isenabled(), list(gc.get_threshold())]

if __name__ == "__main__":
    os.environ["POD"] = str(os.getpid())
    thresholds = list(gc.get_threshold())
    {before}
    handle = look.enqueue_sync()
    fq.run()
    found = FleetQ("sqlite:///q.db", role="producer").handle(handle.id).result_sync(timeout=20)
    print(found == [True, True, thresholds], gc.get_freeze_count() > 0)
"""


def test_a_process_that_serves_sets_aside_what_it_loaded_and_puts_it_back(python: Script) -> None:
    done = python(SERVES.format(options="", before=""))
    assert (done.stdout, done.returncode) == ("True False\n", 0), done.stderr


def test_so_does_a_child_for_as_long_as_it_lives(python: Script) -> None:
    done = python(SERVES.format(options='(run="process")', before=""))
    assert (done.stdout, done.returncode) == ("True False\n", 0), done.stderr


def test_what_somebody_else_set_aside_stays_so(python: Script) -> None:
    done = python(SERVES.format(options="", before="gc.freeze()"))
    assert (done.stdout, done.returncode) == ("True True\n", 0), done.stderr


async def test_an_application_that_starts_a_pod_keeps_its_collector_as_it_is(fq: FleetQ) -> None:
    before = (gc.get_freeze_count(), gc.get_threshold(), gc.isenabled())
    async with fq:
        assert (gc.get_freeze_count(), gc.get_threshold(), gc.isenabled()) == before


def test_garbage_goes_before_the_rest_is_set_aside() -> None:
    class Node:
        """Refers to itself."""

        alive = 0

        def __init__(self) -> None:
            Node.alive += 1
            self.me = self

        def __del__(self) -> None:
            Node.alive -= 1

    gc.collect()
    Node()
    with spared():
        assert Node.alive == 0
