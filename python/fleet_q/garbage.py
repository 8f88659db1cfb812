"""Spares the garbage collector what a process loaded before it began to serve. Changes no threshold.

A backlog makes many short-lived objects, and a collection that they set off looks through everything that lives: every
module and class of the application, over and over. For processes that are ours alone, `run()` and children, not for
an application that starts a pod of its own.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["set_aside", "spared"]

PYTHONS_OWN_MAX = 1000
"""Python 3.12 sets some hundred objects of its own aside as it starts; `gc.freeze` sets aside thousands."""


@contextmanager
def spared() -> Generator[None, None, None]:
    """Set aside what lives now, and put it back at the end. Somebody else's `gc.freeze` is let be."""
    if gc.get_freeze_count() > PYTHONS_OWN_MAX:
        yield
        return
    set_aside()
    try:
        yield
    finally:
        gc.unfreeze()


def set_aside() -> None:
    """Let no collection look at what lives now, for as long as this process lives; what is garbage goes first."""
    gc.collect()
    gc.freeze()
