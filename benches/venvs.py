"""Makes the virtual environments of the peers on demand. One that cannot be made is told, never hidden."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["NotInstalled", "python_of", "python_with", "versions_of"]


class NotInstalled(Exception):
    """This peer could not be installed; the sentence goes into the table."""


def python_of(venvs: Path, *packages: str) -> Path:
    """Give the interpreter of an environment that holds these packages. Raises NotInstalled."""
    return _made(venvs / re.split(r"[\[<>=~]", packages[0])[0], packages, "")


def python_with(venvs: Path, wheel: Path, *packages: str) -> Path:
    """Give the interpreter of an environment that holds this wheel, as it is now. Raises NotInstalled."""
    if not wheel.is_file():
        raise NotInstalled(f"there is no wheel {wheel}")
    built = wheel.stat()
    return _made(venvs / wheel.name.partition("-")[0], [str(wheel), *packages], f"{built.st_mtime_ns} {built.st_size}")


def _made(folder: Path, packages: Sequence[str], state: str) -> Path:
    """Install, unless the stamp says that this was done with what is asked for."""
    python, stamp = folder / "bin" / "python", folder / ".installed"
    if stamp.exists() and stamp.read_text() == state:
        return python
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "-q", *packages],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
        if made.returncode != 0:
            said = (made.stderr or made.stdout).strip().splitlines()
            raise NotInstalled(said[-1] if said else f"exit code {made.returncode}")
    stamp.write_text(state)
    return python


def versions_of(python: Path, packages: list[str]) -> list[str]:
    """Say which versions an environment holds."""
    script = "import importlib.metadata as m, sys; print(*(m.version(name) for name in sys.argv[1:]))"
    told = subprocess.run([str(python), "-c", script, *packages], capture_output=True, text=True, check=True)
    return [f"{name} {version}" for name, version in zip(packages, told.stdout.split(), strict=True)]
