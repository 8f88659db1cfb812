"""One child process, seen from the pod: started, spoken to, ended, reaped. Decides nothing.

Used by one thread alone, the one that started it: on Linux a child ends with that thread.
"""

from __future__ import annotations

import multiprocessing.spawn
import os
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .frames import Frame, Frames, framed

__all__ = ["Child"]

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from fleet_q.child import main; main()"
_HOME = str(Path(__file__).parent.parent)
_RECEIVE_BYTES = 1 << 16
_END_LIMIT_S = 0.5


class Child:
    """A running child. Nothing here waits, but for the end of a process that was killed."""

    def __init__(self) -> None:
        self._pipe, theirs = socket.socketpair()
        self._pipe.setblocking(False)
        self._unsent = bytearray()
        self._frames = Frames()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own words
                    [
                        multiprocessing.spawn.get_executable(),
                        "-c",
                        _BOOT,
                        _HOME,
                        str(theirs.fileno()),
                        str(os.getpid()),
                    ],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    # A group of its own: Ctrl-C does not reach it, and what a body starts ends with it.
                    start_new_session=True,
                )
            except BaseException:
                self._pipe.close()
                raise

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def pipe(self) -> socket.socket:
        """What a selector watches."""
        return self._pipe

    @property
    def has_unsent(self) -> bool:
        """Whether something waits until the pipe takes more."""
        return bool(self._unsent)

    def send(self, head: Mapping[str, object], body: bytes = b"") -> None:
        """Send a frame, as far as the pipe takes it now."""
        self._unsent += framed(head, body)
        self.flush()

    def flush(self) -> None:
        """Send what waits. That the other end is gone, `receive` tells."""
        try:
            while self._unsent:
                del self._unsent[: self._pipe.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError:
            self._unsent.clear()

    def receive(self) -> tuple[list[Frame], bool]:
        """Give the frames that have come, and whether the other end lives."""
        frames: list[Frame] = []
        while True:
            try:
                piece = self._pipe.recv(_RECEIVE_BYTES)
            except BlockingIOError:
                return frames, True
            except OSError:
                piece = b""
            if not piece:
                return frames, False
            frames.extend(self._frames.feed(piece))

    def let_go(self) -> None:
        """Close the pipe: an idle child then ends by itself."""
        self._pipe.close()

    def has_ended(self) -> bool:
        """Whether it is over; reaps it."""
        return self._process.poll() is not None

    def kill(self) -> str:
        """End it and whatever it started, at once, if it has not ended; say how it ended."""
        # Before it is reaped its id is nobody else's, so its group cannot be a stranger's.
        if self._process.returncode is None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._process.kill()  # it has not come so far as to have a group
        self._pipe.close()
        try:
            code: int | None = self._process.wait(_END_LIMIT_S)
        except subprocess.TimeoutExpired:
            code = None  # the kernel holds it; whoever asks `has_ended` later reaps it
        return _told(self._process.pid, code)


def _told(pid: int, code: int | None) -> str:
    who = f"the process that ran the step (pid {pid})"
    if code is None:
        return f"{who} went silent and could not be ended"
    if code >= 0:
        return f"{who} exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = "; the system does so when memory runs out" if name == "SIGKILL" else ""
    return f"{who} was killed by {name}{hint}"
