"""Says where a task's function can be found by another process, and finds it there. Starts no process."""

from __future__ import annotations

import importlib
import multiprocessing
import multiprocessing.spawn
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from .exceptions import ConfigError

if TYPE_CHECKING:
    from .types import Json

__all__ = ["CHILD_NAME", "check_findable", "found", "import_main", "in_child", "main_module", "place_of"]

CHILD_NAME = "fleet-q-child"
"""What a child calls itself to `multiprocessing`, so that everything in it can know what it is."""


def in_child() -> bool:
    """Whether this process was started by a pod to run bodies."""
    return multiprocessing.current_process().name == CHILD_NAME


def check_findable(function: Callable[..., object]) -> None:
    """Refuse what another process cannot import by name. Raises ConfigError."""
    place = f"{function.__module__}.{function.__qualname__}"
    if function.__name__ == "<lambda>":
        raise ConfigError(f"{place} is a lambda, which another process cannot import: write a `def` in a module")
    if "<locals>" in function.__qualname__:
        raise ConfigError(
            f"{place} is defined inside a function, where another process cannot import it: "
            "move it to the top of its module, or drop run='process'"
        )
    main = sys.modules.get("__main__")
    if function.__module__ == "__main__" and not (getattr(main, "__file__", None) or getattr(main, "__spec__", None)):
        raise ConfigError(
            f"{function.__qualname__} is typed in, and no file holds it for another process to import: "
            "write it to a module, or drop run='process'"
        )


def place_of(function: Callable[..., object]) -> tuple[str, str]:
    """Give the module and the name that `found` takes."""
    module = function.__module__
    # A server's worker that was itself spawned knows its script by this name.
    return "__main__" if module == "__mp_main__" else module, function.__qualname__


def main_module() -> dict[str, str]:
    """Say where the script of this process is, as `multiprocessing` says it to its own children."""
    data = cast("dict[str, object]", multiprocessing.spawn.get_preparation_data(CHILD_NAME))
    return {key: str(value) for key, value in data.items() if key.startswith("init_main_from")}


def import_main(data: Mapping[str, Json]) -> None:
    """Import the pod's script, under the name `__mp_main__`, so that what is guarded does not run."""
    multiprocessing.spawn.prepare(dict(data))


def found(module: str, qualname: str) -> object:
    """Give what stands under this name. Raises ConfigError, or what the import raises."""
    place: object = sys.modules["__main__"] if module == "__main__" else importlib.import_module(module)
    for name in qualname.split("."):
        inner: object = getattr(place, name, None)
        if inner is None:
            raise ConfigError(
                f"a child process finds no {qualname} in module {module!r}; the function of a task with "
                "run='process' must stand there under its own name"
            )
        place = inner
    return place
