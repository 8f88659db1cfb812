"""A child process of a pod: runs the bodies it is sent, one at a time, in its main thread.

Knows no queue and no store, decides nothing, and ends when its pod does.
"""

from __future__ import annotations

import contextlib
import contextvars
import ctypes
import faulthandler
import functools
import multiprocessing
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, cast

from . import outcome
from .codec import Codec
from .context import Context
from .exceptions import ConfigError
from .frames import Frame, Frames, framed, number, text
from .garbage import set_aside
from .registry import wants_context
from .task import Task
from .whereabouts import CHILD_NAME, found, import_main

if TYPE_CHECKING:
    from ._core import Report
    from .frames import Head
    from .task import AnyTask
    from .types import Json

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1
_RECEIVE_BYTES = 1 << 16


def main() -> None:
    """Be a child; the last two arguments are the descriptor of the pipe and the pod's process id."""
    descriptor, pod = int(sys.argv[-2]), int(sys.argv[-1])
    _die_with(pod)
    multiprocessing.current_process().name = CHILD_NAME
    # The pod decides when a body ends; a signal to the whole group must not look like a crash.
    # Handlers, not SIG_IGN, which the programs that a body starts would inherit.
    for unheard in (signal.SIGINT, signal.SIGTERM):
        signal.signal(unheard, _unheard)
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        faulthandler.enable()  # a segfault then says where; not without a stderr
    _Child(socket.socket(fileno=descriptor)).serve()


class _Known:
    """A task as this process found it."""

    __slots__ = ("codec", "function", "wants_context")

    def __init__(self, name: str, place: object) -> None:
        function = _function(place)
        if function is None:
            raise ConfigError(f"a child process found {place!r} instead of the function of task {name!r}")
        self.function = function
        self.wants_context = wants_context(function)
        self.codec = Codec(function, task=name, skip=int(self.wants_context))


class _Child:
    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._work: SimpleQueue[Frame | None] = SimpleQueue()
        self._writing = threading.Lock()
        self._changing = threading.Lock()
        self._alone = False
        self._slot: int | None = None
        self._told = False
        self._context: Context | None = None
        self._main: Mapping[str, Json] = {}
        self._limit = 0
        self._weighs = False
        self._known: dict[tuple[str, str], _Known] = {}

    def serve(self) -> None:
        """Run bodies until the pod lets go."""
        threading.Thread(target=self._listen, name="fleet-q-pipe", daemon=True).start()
        hello = self._work.get()
        if hello is None:
            return
        self._greet(hello[0])
        set_aside()
        self._send({"kind": "ready"})
        while (frame := self._work.get()) is not None:
            self._run(*frame)
            del frame  # or a body's arguments would live until the next one

    def _greet(self, head: Head) -> None:
        """Import ahead what the bodies need. What cannot be imported fails the steps that need it."""
        sys.path[:] = cast("list[str]", head["path"])
        sys.argv[:] = cast("list[str]", head["argv"])
        self._main = cast("dict[str, Json]", head["main"])
        self._limit = number(head, "limit")
        self._weighs = head["weighs"] is True
        for name, module, qualname in cast("list[tuple[str, str, str]]", head["tasks"]):
            # The step that needs it raises it again, and reports it.
            with contextlib.suppress(BaseException):
                self._task(name, module, qualname)

    def _task(self, name: str, module: str, qualname: str) -> _Known:
        known = self._known.get((module, qualname))
        if known is None:
            if module == "__main__" and self._main:
                import_main(self._main)
                self._main = {}
            known = self._known[module, qualname] = _Known(name, found(module, qualname))
        return known

    def _run(self, head: Head, payload: bytes) -> None:
        """Run one body to its end. Raises nothing, whatever the body does."""
        slot = number(head, "slot")
        with self._changing:
            if self._alone:
                return
            self._slot, self._told = slot, False
        try:
            # Each body in a context of its own: what it sets is not seen by the next.
            report = contextvars.copy_context().run(self._called, slot, head, payload)
        except BaseException as error:  # noqa: BLE001 - a body's end is data here, whatever it raised
            report = outcome.raised(slot, error, told=self._told)
        with self._changing:
            self._slot = self._context = None
        _flush()
        _, kind, spelled, delay = report
        # Asked of the system only where somebody limits it: that takes longer than all the rest here.
        rss = _rss() if self._weighs else 0
        self._send(
            {"kind": "ended", "slot": slot, "end": kind, "delay": delay, "bare": spelled is None, "rss": rss},
            spelled or b"",
        )

    def _called(self, slot: int, head: Head, payload: bytes) -> Report:
        task = self._task(text(head, "task"), text(head, "module"), text(head, "qualname"))
        call = task.codec.decode(payload)
        args = call.args
        if task.wants_context:
            args = [self._context_of(slot, head, cast("Mapping[str, Json]", call.metadata)), *args]
        return outcome.encoded(slot, task.codec, task.function(*args, **call.kwargs), self._limit)

    def _context_of(self, slot: int, head: Head, metadata: Mapping[str, Json]) -> Context:
        context = Context(
            step_id=text(head, "step_id"),
            task=text(head, "task"),
            queue=text(head, "queue"),
            retry_count=number(head, "retry_count"),
            max_retries=number(head, "max_retries"),
            fence=text(head, "fence"),
            metadata=metadata,
            tell=functools.partial(self._progress, slot),
        )
        with self._changing:
            self._context = context
            context.cancelled = self._told
        return context

    def _progress(self, slot: int, fraction: float, message: str | None) -> None:
        self._send({"kind": "progress", "slot": slot, "fraction": fraction, "message": message})

    def _send(self, head: Mapping[str, object], body: bytes = b"") -> None:
        try:
            with self._writing:
                self._pipe.sendall(framed(head, body))
        except OSError:
            _end_at_once()

    def _listen(self) -> None:
        """Read what the pod sends, beside the body that runs."""
        frames = Frames()
        while piece := self._received():
            for head, body in frames.feed(piece):
                if head["kind"] == "stop":
                    self._stop(number(head, "slot"))
                else:
                    self._work.put((head, body))
        with self._changing:
            self._alone = True
            if self._slot is not None:
                _end_at_once()
        self._work.put(None)

    def _received(self) -> bytes:
        try:
            return self._pipe.recv(_RECEIVE_BYTES)
        except OSError:
            return b""

    def _stop(self, slot: int) -> None:
        with self._changing:
            if self._slot == slot:
                self._told = True
                if self._context is not None:
                    self._context.cancelled = True


def _function(place: object) -> Callable[..., object] | None:
    """Give the function of a task, also from under decorators that stand above it; or the plain function."""
    seen = place
    while seen is not None:
        if isinstance(seen, Task):
            return cast("AnyTask", seen).function
        seen = getattr(seen, "__wrapped__", None)
    return place if callable(place) else None


def _unheard(_number: int, _frame: FrameType | None) -> None:
    """Let a signal pass."""


def _die_with(pod: int) -> None:
    """End with the pod, also where a body holds the GIL and the end of the pipe cannot be read."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != pod:
        os._exit(0)  # it had ended before anybody watched


def _end_at_once() -> None:
    """End, with whatever the body started: nobody waits for it any more."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):
            continue  # closed, or not there: the body's own affair


def _rss() -> int:
    """Bytes of memory this process holds now; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return _peak_rss()


def _peak_rss() -> int:
    import resource

    # The most it ever held, for lack of better; macOS counts bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
