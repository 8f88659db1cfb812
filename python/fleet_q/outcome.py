"""Turns how a body ended into a report for the core. Runs nothing; what is recorded the core decides."""

from __future__ import annotations

import inspect
import json
import traceback
from asyncio import CancelledError
from types import TracebackType
from typing import TYPE_CHECKING

from .exceptions import Discard, InvalidResult, PayloadTooLarge, Retry, Snooze, StepCancelled

if TYPE_CHECKING:
    from ._core import Report
    from .codec import Codec

__all__ = ["crashed", "encoded", "raised", "returned", "stopped"]

MESSAGE_MAX = 10_000
TRACEBACK_MAX = 20_000
_OURS = ("fleet_q/runner.py", "fleet_q/child.py", "fleet_q/codec.py", "fleet_q/adapters.py", "fleet_q/task.py")


def returned(slot: int, result: bytes) -> Report:
    """Report a result."""
    return slot, "returned", result, None


def stopped(slot: int) -> Report:
    """Report a body that ended because it was asked to, or never began."""
    return slot, "stopped", None, None


def raised(slot: int, error: BaseException, *, told: bool) -> Report:
    """Report an exception; `told` says whether the body had been asked to end."""
    if told and isinstance(error, (CancelledError, StepCancelled)):
        return stopped(slot)
    if isinstance(error, Snooze):
        return slot, "snoozed", None, error.delay
    if isinstance(error, Discard):
        return slot, "discarded", failure(error), None
    if isinstance(error, Retry) and error.after is not None:
        return slot, "retry", failure(error), error.after
    return slot, "raised", failure(error), None


def encoded(slot: int, codec: Codec, value: object, limit: int) -> Report:
    """Report what a body returned, if it can be stored."""
    try:
        return returned(slot, codec.encode_result(value, limit=limit))
    except (InvalidResult, PayloadTooLarge) as error:
        if inspect.iscoroutine(value):
            value.close()  # never awaited, and it should not warn about that
        return unusable(slot, error)


def crashed(slot: int, how: str) -> Report:
    """Report that the process under a body died."""
    facts = {"error_type": "ProcessDied", "message": how, "traceback": ""}
    return slot, "crashed", json.dumps(facts).encode(), None


def unusable(slot: int, error: InvalidResult | PayloadTooLarge) -> Report:
    """Report a result that cannot be stored. For good: the body would return the like again."""
    return slot, "discarded", failure(error), None


def failure(error: BaseException) -> bytes:
    """Spell an exception as `{"error_type", "message", "traceback"}`, fit for any store."""
    facts = {
        "error_type": _type_name(type(error)),
        "message": _clean(_message(error))[:MESSAGE_MAX],
        "traceback": _clean(_traceback(error))[-TRACEBACK_MAX:],
    }
    return json.dumps(facts, ensure_ascii=False).encode()


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as unspeakable:  # noqa: BLE001 - a broken __str__ must not hide the failure
        return f"<its __str__ raised {type(unspeakable).__name__}>"


def _traceback(error: BaseException) -> str:
    try:
        lines = traceback.format_exception(type(error), error, _trimmed(error.__traceback__))
    except BaseException as unspeakable:  # noqa: BLE001 - as above
        return f"<the traceback could not be formatted: {type(unspeakable).__name__}>"
    return "".join(lines)


def _trimmed(tb: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of ours that called the body."""
    while tb is not None and tb.tb_frame.f_code.co_filename.replace("\\", "/").endswith(_OURS):
        tb = tb.tb_next
    return tb


def _type_name(kind: type[BaseException]) -> str:
    if kind.__module__ in ("builtins", "__main__", "fleet_q.exceptions"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _clean(text: str) -> str:
    """Replace what JSON in a database cannot hold: lone surrogates and NUL."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
