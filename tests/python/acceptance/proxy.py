"""The proxy process: stands between pods and Postgres, and harms the traffic on order. Never imports fleet-q.

`python -m acceptance.proxy SOCKET` listens on a free port of the loopback, prints it, and obeys one JSON order a line:
`lose` the answer to a COMMIT, `cut` connections at random, `reset` all of them, `stall` a direction, `report`.
No TLS leads through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
import sys
from collections import Counter
from typing import Any

from acceptance.wire import Conversation, Frames

CHUNK = 65536
DIRECTIONS = ("to_server", "to_client")


class Plan:
    """When to strike: every `every`-th time, or with a chance drawn from a seed; never more than `most` times."""

    def __init__(self, every: int = 0, chance: float = 0, seed: int = 0, most: int = 1_000_000) -> None:
        self._every, self._chance, self._left = every, chance, most
        self._draws = random.Random(seed)
        self._met = 0

    @property
    def spent(self) -> bool:
        """Whether it strikes no more."""
        return self._left == 0

    def strikes(self) -> bool:
        """Count one occasion; says whether it is one to strike at."""
        self._met += 1
        due = self._met % self._every == 0 if self._every else self._draws.random() < self._chance
        hit = due and not self.spent
        self._left -= hit
        return hit


class Proxy:
    """What was ordered, and what it did."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._losses: dict[str, Plan] = {}
        self._cuts = Plan()
        self._open = {direction: asyncio.Event() for direction in DIRECTIONS}
        self._links: set[Link] = set()
        self.counts: Counter[str] = Counter()
        self.resume()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        try:
            upstream = await asyncio.open_unix_connection(self._server)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, (reader, writer), upstream)
        self._links.add(link)
        await link.run()
        self._links.discard(link)

    def obey(self, order: dict[str, Any]) -> dict[str, int]:
        """Carry out one order; gives the counts."""
        for word, value in order.items():
            if word == "lose":
                self._losses = {kind: Plan(**plan) for kind, plan in value.items()}
            elif word == "cut":
                self._cuts = Plan(**value)
            elif word == "reset":
                for link in list(self._links):
                    link.cut()
            elif word == "stall":
                for direction in value:
                    self._open[direction].clear()
            elif word == "resume":
                self.resume()
        return dict(self.counts)

    def resume(self) -> None:
        """End every stall."""
        for gate in self._open.values():
            gate.set()

    async def passage(self, direction: str) -> None:
        """Return when this direction is open."""
        if not self._open[direction].is_set():
            self.counts[f"stalled {direction}"] += 1
            await self._open[direction].wait()

    def armed(self) -> set[str]:
        """Give the kinds of call whose answers may be lost."""
        return {kind for kind, plan in self._losses.items() if not plan.spent}

    def loses(self, done: Counter[str]) -> bool:
        """Whether the answer to the COMMIT of a transaction that did this is lost."""
        hit = [kind for kind in done if kind in self._losses and self._losses[kind].strikes()]
        for kind in hit:
            self.counts[f"lost {kind}"] += 1
            self.counts[f"lost rows of {kind}"] += done[kind]
        return bool(hit)

    def cuts(self) -> bool:
        """Whether the connection is cut after this message."""
        return self._cuts.strikes()


class Link:
    """One connection of a client and its twin to the server."""

    def __init__(self, proxy: Proxy, client: Any, server: Any) -> None:
        self._proxy = proxy
        self._client, self._to_client = client
        self._from_server, self._to_server = server
        self._talk = Conversation()
        self._held = b""

    async def run(self) -> None:
        """Forward in both directions until one side has ended."""
        ways = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        # Lost connections are our trade: whichever way a side ended, the other ends too.
        await asyncio.gather(*ways, return_exceptions=True)
        for writer in (self._to_client, self._to_server):
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def cut(self) -> None:
        """Reset both connections: what was not delivered is lost."""
        self._proxy.counts["cut"] += 1
        self._proxy.counts["cut while busy"] += self._talk.busy
        # Without lingering, closing sends RST and throws away what is queued.
        with contextlib.suppress(OSError):
            client = self._to_client.get_extra_info("socket")
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._to_client.transport.abort()
        self._to_server.transport.abort()

    async def _up(self) -> None:
        frames = Frames(client=True)
        while data := await self._client.read(CHUNK):
            await self._proxy.passage("to_server")
            for message in frames.feed(data):
                if self._to_server.is_closing():
                    return
                self._talk.said(message)
                self._to_server.write(message)
                if self._proxy.cuts():
                    await self._to_server.drain()
                    self.cut()
                    return
            await self._to_server.drain()

    async def _down(self) -> None:
        frames = Frames(client=False)
        while data := await self._from_server.read(CHUNK):
            await self._proxy.passage("to_client")
            for message in frames.feed(data):
                if self._to_client.is_closing():
                    return
                if not self._pass_on(message):
                    self.cut()
                    return
            await self._to_client.drain()

    def _pass_on(self, message: bytes) -> bool:
        """Forward, or hold what a loss may swallow: a transaction is one round trip, so nobody waits for a part."""
        hold = bool(self._held) or self._talk.expects(self._proxy.armed())
        committed = self._talk.answered(message)
        if committed and self._proxy.loses(self._talk.done):
            return False
        if committed:
            self._talk.done.clear()
        self._held += message
        # An answer to the last that is due ends what there is to hold; so does an end of the transaction.
        if not hold or committed or not self._talk.busy:
            self._to_client.write(self._held)
            self._held = b""
        return not self._proxy.cuts()


async def main(server: str) -> None:
    """Serve until standard input ends."""
    proxy = Proxy(server)
    listening = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while line := await orders.readline():
        print(json.dumps(proxy.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
