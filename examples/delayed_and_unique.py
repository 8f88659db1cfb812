"""Run a step later, and keep a second one like it from being queued.

python examples/delayed_and_unique.py
"""

import asyncio
from datetime import datetime, timedelta, timezone

import fleet_q
from fleet_q import FleetQ

fq = FleetQ()


@fq.task
async def send_digest(user: str) -> str:
    """Stand for a mail."""
    return f"digest for {user}"


async def main() -> None:
    """Delay, name a moment, and meet a unique key that is taken."""
    async with fq:
        soon = await send_digest.using(delay=0.3).enqueue("ada")
        print("now:", await soon.status())
        print("later:", await soon.result(timeout=30))

        tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
        once = send_digest.using(at=tomorrow, unique="digest-bob", tags=["digest"])
        first = await once.enqueue("bob")
        try:
            await once.enqueue("bob")
        except fleet_q.UniqueConflict as error:
            print("the key is held by the first:", error.holder == first.id)

        # A key is free again when its step is final.
        await first.cancel()
        second = await once.enqueue("bob")
        print("another one:", await second.status())
        await second.cancel()


if __name__ == "__main__":
    asyncio.run(main())
