"""Frames what crosses between a pod and its child processes: a JSON head and raw bytes. Never pickles.

Opens and reads no pipe; what the heads mean is known at both ends.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeAlias, cast

if TYPE_CHECKING:
    from .types import Json

__all__ = ["Frame", "Frames", "framed", "number", "text"]

Head: TypeAlias = "dict[str, Json]"
Frame: TypeAlias = "tuple[Head, bytes]"

_LENGTHS = struct.Struct("!II")


def framed(head: Mapping[str, object], body: bytes = b"") -> bytes:
    """Spell one frame."""
    spelled = json.dumps(head).encode()
    return _LENGTHS.pack(len(spelled), len(body)) + spelled + body


class Frames:
    """Puts frames together from the pieces that a pipe gives."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Take a piece; give the frames it completes."""
        self._bytes += piece
        while len(self._bytes) >= _LENGTHS.size:
            head, body = _LENGTHS.unpack_from(self._bytes)
            begin, end = _LENGTHS.size + head, _LENGTHS.size + head + body
            if len(self._bytes) < end:
                return
            frame = json.loads(self._bytes[_LENGTHS.size : begin]), bytes(self._bytes[begin:end])
            del self._bytes[:end]
            yield cast("Frame", frame)


def text(head: Head, name: str) -> str:
    """Give a text of a head that the other end always puts there."""
    value = head[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} of a frame is {value!r}")
    return value


def number(head: Head, name: str) -> int:
    """Give a whole number of a head that the other end always puts there."""
    value = head[name]
    if not isinstance(value, int):
        raise TypeError(f"{name} of a frame is {value!r}")
    return value
