"""Fail, be tried again, give up: and read afterwards what happened.

python examples/retries.py
"""

import asyncio

import fleet_q
from fleet_q import Context, FleetQ, RetryPolicy

fq = FleetQ()


@fq.task(retries=RetryPolicy(max_retries=5, base=0.05, cap=1))
async def fetch(ctx: Context, url: str) -> str:
    """Work at the third attempt. The key is the same each time: pass it to what you call."""
    if ctx.retry_count < 2:
        raise ConnectionError(f"{url} did not answer")
    return f"got {url} at attempt {ctx.retry_count + 1}"


@fq.task(retries=5)
async def rate_limited(ctx: Context) -> str:
    """Name the wait oneself; it still spends a retry. `Snooze` would not."""
    if ctx.retry_count == 0:
        raise fleet_q.Retry("429 Too Many Requests", after=0.2)
    return "let in"


@fq.task(retries=5)
async def charge(card: str) -> str:
    """Fail for good: trying again cannot help."""
    raise fleet_q.Discard(f"card {card} is expired")


async def main() -> None:
    """Run all three."""
    async with fq:
        print(await (await fetch.enqueue("https://example.org")).result(timeout=30))
        print(await (await rate_limited.enqueue()).result(timeout=30))
        try:
            await (await charge.enqueue("1234")).result(timeout=30)
        except fleet_q.StepFailed as error:
            print("failed:", error.message)


if __name__ == "__main__":
    asyncio.run(main())
