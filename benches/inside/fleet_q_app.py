"""What `fleet-q worker fleet_q_app:fq` runs: one task that does nothing. The rest is settings.

BENCH_RUN says where its body runs: `auto` (a coroutine on the event loop), `thread` or `process`.
"""

from __future__ import annotations

import os

from fleet_q import FleetQ
from ticks import tick

RUN = os.environ.get("BENCH_RUN", "auto")

fq = FleetQ()


def body(i: int, sent_ns: int = 0) -> None:
    """Note that the body began; `i` is the small argument that every step carries."""
    tick(sent_ns)


async def noop(i: int, sent_ns: int = 0) -> None:
    """Do the same on the event loop."""
    tick(sent_ns)


if RUN == "process":
    fq.task(name="noop", run="process")(body)
elif RUN == "thread":
    fq.task(name="noop")(body)
else:
    own = fq.task(name="noop")(noop)
