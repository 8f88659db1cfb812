"""Notes when a body began, in a file that all workers of one run append to. Knows no queue."""

from __future__ import annotations

import os
import struct
import time
from pathlib import Path

__all__ = ["tick"]

# (when the body began, how long after it was sent or -1), nanoseconds of one machine's wall clock.
_RECORD = struct.Struct("<qq")
_file = os.open(Path(os.environ["BENCH_FOLDER"]) / "ticks", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def tick(sent_ns: int = 0) -> None:
    """Note that a body begins now."""
    now = time.time_ns()
    os.write(_file, _RECORD.pack(now, now - sent_ns if sent_ns else -1))
