"""P9 aside, a queue is only as good as its hundredth hour: memory does not grow with the steps that went through."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from acceptance import fleet as kit
from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, Worker, order
from acceptance.stores import CHOSEN
from acceptance.waiting import eventually

pytestmark = pytest.mark.acceptance

# A step costs a server more than a file, and it is the pod that is measured.
FIRST, STEPS = (
    (10_000, 1_000_000 if kit.LONG else 30_000) if CHOSEN == "sqlite" else (5_000, 200_000 if kit.LONG else 15_000)
)
BATCH = 5_000
GROWTH_MIB = 10
KEEP_S = 60
ROW_BYTES = 700
"""What a kept no-op step may take in the file, indexes included, with room for pages half full."""


@pytest.mark.timeout(1800 if kit.LONG else 120)
def test_p4_memory_and_file_do_not_grow_with_the_steps_that_went_through(make_fleet: MakeFleet) -> None:
    """P4: RSS after all steps is within 10 MiB of RSS after the first 10,000; the file holds what retention keeps."""
    fleet = make_fleet(history=False, KEEP_COMPLETED=str(KEEP_S), LOG_LEVEL="WARNING")
    pod = fleet.worker("pod")
    run(fleet, FIRST)
    before, began = rss_mib(pod), time.monotonic()
    done, rss, sizes, kept = FIRST, [before], [fleet.store.size_mib(fleet.scalar)], [FIRST]
    while done < STEPS:
        batch = min(100_000, STEPS - done)
        run(fleet, batch)
        done += batch
        rss.append(rss_mib(pod))
        sizes.append(fleet.store.size_mib(fleet.scalar))
        kept.append(fleet.scalar("select count(*) from step_tracker"))
    after, took = rss[-1], time.monotonic() - began
    print(f"RSS {before:.1f} MiB after {FIRST} steps, {after:.1f} MiB after {done}; {done / took:.0f} steps/s")
    print(f"RSS after each batch {[round(size, 1) for size in rss]} MiB")
    print(f"file and log {[round(size) for size in sizes]} MiB; rows kept {kept}")
    assert after - before <= GROWTH_MIB
    assert max(sizes) <= max(kept) * ROW_BYTES / 2**20 + 64
    if kit.LONG:
        # Whatever the pace, what is older than the retention is gone.
        eventually(lambda: fleet.scalar("select count(*) from step_tracker") == 0, "retention empties the table", 120)


def run(fleet: Fleet, steps: int) -> None:
    """Enqueue so many and wait until none is open."""
    fleet.produce([order("silent", steps, batch=BATCH)])
    eventually(lambda: fleet.open_steps() == 0, "every step is final", 300, every=0.1)


def rss_mib(worker: Worker) -> float:
    """Give the resident memory of a process."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
