"""What `fleet-q worker fleet_q_app:fq` runs: one async task that does nothing. The rest is settings."""

from __future__ import annotations

from fleet_q import FleetQ
from ticks import tick

fq = FleetQ()


@fq.task(name="noop")
async def noop(i: int, sent_ns: int = 0) -> None:
    """Note that the body began; `i` is the small argument that every step carries."""
    tick(sent_ns)
