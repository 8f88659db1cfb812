"""Finds the FleetQ that a command line names, and ends a command with a sentence. Runs nothing."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from fleet_q.app import FleetQ
from fleet_q.exceptions import ConfigError

__all__ = ["Url", "load", "refuse"]

Url = Annotated[str | None, typer.Option("--url", help="The database; FLEET_Q_URL without it.")]


def load(target: str) -> FleetQ:
    """Import `module:attribute` from the current folder or the path. Raises ConfigError."""
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise ConfigError(f"say where the FleetQ is as module:attribute, such as app:fq; got {target!r}")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as cause:
        if cause.name is None or not module_name.startswith(cause.name):
            raise  # the module is there; what it imports is not, and the traceback says where
        raise ConfigError(f"there is no module {module_name!r} in {here} or on the Python path") from cause
    found: object = getattr(module, attribute, None)
    if not isinstance(found, FleetQ):
        candidates = ", ".join(name for name, value in vars(module).items() if isinstance(value, FleetQ)) or "none"
        raise ConfigError(f"{target} is {type(found).__name__}, not a FleetQ; in {module_name}: {candidates}")
    return found


def refuse(sentence: str) -> NoReturn:
    """Print why not, and exit with 2."""
    typer.echo(f"fleet-q: {sentence}", err=True)
    raise SystemExit(2)
