"""A Postgres that is reached through a proxy of our own, and the orders that a scenario gives it. Judges nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from acceptance.stores import PostgresServer, PostgresStore
from acceptance.waiting import said_by

__all__ = ["ProxiedStore", "Proxy"]

HERE = Path(__file__).resolve().parent


class Proxy:
    """The proxy process, from the test's side."""

    def __init__(self, server: PostgresServer) -> None:
        self.beside = server.url
        """The way that does not lead through it."""
        asked = parse_qs(urlsplit(server.url).query)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "acceptance.proxy", f"{asked['host'][0]}/.s.PGSQL.5432"],
            env={**os.environ, "PYTHONPATH": str(HERE.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        listen = "&listen=off" if asked.get("listen") == ["off"] else ""
        self.url = f"postgresql://postgres@127.0.0.1:{said_by(self._process)}/postgres?sslmode=disable{listen}"

    def lose(self, kind: str, **plan: float) -> None:
        """Lose answers to COMMITs that had an effect of this kind: `every`, or `chance` and `seed`; `most`."""
        self._order(lose={kind: plan})

    def cut(self, chance: float, seed: int) -> None:
        """Reset a connection after a message, in either direction, with this chance."""
        self._order(cut={"chance": chance, "seed": seed})

    def reset(self) -> None:
        """Reset every connection."""
        self._order(reset=True)

    def stall(self, *directions: str) -> None:
        """Hold what travels in these directions, `to_server` and `to_client`."""
        self._order(stall=directions)

    def behave(self) -> None:
        """Forward everything again, what was held first."""
        self._order(resume=True, lose={}, cut={})

    def count(self, what: str) -> int:
        """Say how often something was done: `lost claim`, `cut while busy`, `stalled to_client`."""
        return self._order().get(what, 0)

    def counts(self) -> str:
        """Say everything that was done."""
        return ", ".join(f"{what}: {times}" for what, times in sorted(self._order().items())) or "nothing"

    def close(self) -> None:
        """End it, and with it every connection through it."""
        self._process.communicate(timeout=10)

    def _order(self, **order: object) -> dict[str, int]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        counts: dict[str, int] = json.loads(said_by(self._process))
        return counts


class ProxiedStore(PostgresStore):
    """A schema of the session's server; pods and producers reach it through a proxy, the observer does not."""

    def __init__(self, server: PostgresServer) -> None:
        super().__init__(server)
        self.proxy = Proxy(server)
        self.settings["FLEET_Q_URL"] = self.proxy.url

    def close(self) -> None:
        """End the proxy too."""
        self.proxy.close()
        super().close()
