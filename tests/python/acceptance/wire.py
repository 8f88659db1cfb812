"""Reads the conversation of a pod with Postgres (protocol 3): what was asked, what was done, what was committed.

Knows our statements only by distinctive words, kept as data in `KINDS`. Opens no connection and changes no byte.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import NamedTuple

__all__ = ["KINDS", "Conversation", "Frames", "Kind"]


class Kind(NamedTuple):
    """A kind of call: what its statements say and no other does, and what a row says that counts as an effect."""

    name: str
    says: tuple[str, ...]
    row: bytes = b""

    def means(self, statement: str) -> bool:
        """Say whether a statement is of this kind."""
        return any(words in statement for words in self.says)


KINDS = (
    Kind("enqueue", ("case when available_ts <=", "offset 0) as clock")),
    # Only a step that was born claimed was handed off; the others of the statement were stored as by `enqueue`.
    Kind("hand_off", ("case when handed then 'claimed'",), b"claimed"),
    Kind("claim", ("set status = 'claimed'",)),
    Kind("finish", ("when said.kind = 'complete' then 'completed'",)),
    Kind("release", ("set status = case when cancel_requested then 'cancelled' else 'pending' end",)),
    Kind("register", ("pod_health (pod_id, kind, birth_ts",)),
    Kind("beat", ("set beating_since = case",)),
    Kind("mark_dead", ("suspect.beat",)),
    Kind("recover", ("from orphan.claim_id",)),
)

LENGTH = 4


class Frames:
    """Cuts a stream into messages: a type byte, a length that counts itself, the rest. A client's first has no type."""

    def __init__(self, *, client: bool) -> None:
        self._rest = b""
        self._untyped = client

    def feed(self, data: bytes) -> list[bytes]:
        """Give the messages that are complete now."""
        self._rest += data
        found = []
        while (size := self._size()) is not None and len(self._rest) >= size:
            found.append(self._rest[:size])
            self._rest = self._rest[size:]
            self._untyped = False
        return found

    def _size(self) -> int | None:
        head = 0 if self._untyped else 1
        if len(self._rest) < head + LENGTH:
            return None
        return head + int.from_bytes(self._rest[head : head + LENGTH], "big")


class Conversation:
    """One connection: the answers that are due, in order, and what the open transaction has done so far."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        """Rows that the open transaction changed, by kind of call."""
        self._greeted = False
        self._open = False
        """Whether a transaction was begun by name; else each statement is one."""
        self._named: dict[bytes, Kind | None] = {}
        """Statements by the name they are kept under; the latest that is not kept has none."""
        self._asked: Kind | None = None
        self._due: deque[Kind | None] = deque()

    @property
    def busy(self) -> bool:
        """Whether an answer is due."""
        return bool(self._due)

    def expects(self, names: set[str]) -> bool:
        """Whether one of these kinds of call awaits its answer."""
        return any(kind is not None and kind.name in names for kind in self._due)

    def said(self, message: bytes) -> None:
        """Hear the client. Each message that ends in a ReadyForQuery of the server makes one answer due."""
        if not self._greeted:
            self._greeted = True
            self._due.append(None)
        elif message[:1] == b"P":
            name, text = message[1 + LENGTH :].split(b"\0")[:2]
            self._named[name] = _kind(text.decode())
        elif message[:1] == b"B":
            self._asked = self._named.get(message[1 + LENGTH :].split(b"\0")[1])
        elif message[:1] in (b"Q", b"S"):
            self._due.append(self._asked)
            self._asked = None

    def answered(self, message: bytes) -> bool:
        """Hear the server; says whether a transaction was committed by this very message."""
        kind = self._due[0] if self._due else None
        if message[:1] == b"Z":
            if self._due:
                self._due.popleft()
            return bool(self.done) and not self._open
        if message[:1] == b"D" and kind is not None and kind.row and kind.row in message:
            self.done[kind.name] += 1
        elif message[:1] == b"C":
            return self._completed(message[1 + LENGTH : -1].decode(), kind)
        return False

    def _completed(self, tag: str, kind: Kind | None) -> bool:
        if tag in ("BEGIN", "COMMIT", "ROLLBACK"):
            self._open = tag == "BEGIN"
        if tag in ("BEGIN", "ROLLBACK"):
            self.done.clear()
        elif kind is not None and not kind.row:
            self.done[kind.name] += int(tag.rpartition(" ")[2])
        self.done = +self.done
        return tag == "COMMIT"


def _kind(statement: str) -> Kind | None:
    return next((kind for kind in KINDS if kind.means(statement)), None)
