"""Gives what `import fleet_q` finds first: the wheel of this tree, as it is or with a defect. Never touches the tree.

Builds happen in a copy that stays, with a target folder of its own, so that each costs the build of one crate.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from planted.defects import Edit

__all__ = ["ROOT", "DriftError", "SameError", "Tree", "edited"]

ROOT = Path(__file__).resolve().parents[2]
FILES = ("Cargo.toml", "Cargo.lock", "LICENSE", "README.md", "pyproject.toml")
PARTS = (*FILES, "src", "python", "tests", "scripts", "benches")
LEFT_OUT = {"__pycache__", ".pytest_cache"}
ANY_LINES = "\n(?:.*\n)*?"


class DriftError(Exception):
    """The text that an edit replaces is not in the tree, or is there more than once."""


class SameError(Exception):
    """What was built with the defect is what was built without it."""


def edited(edits: Iterable[Edit], root: Path = ROOT) -> dict[str, str]:
    """Give the text of each file as these edits leave it."""
    texts: dict[str, str] = {}
    for edit in edits:
        text = texts.get(edit.path) or (root / edit.path).read_text(encoding="utf-8")
        pattern = ANY_LINES.join(re.escape(piece) for piece in edit.old.split("\n…\n"))
        found = list(re.finditer(pattern, text))
        if len(found) != 1:
            raise DriftError(f"{edit.path} has this {len(found)} times, not once:\n{edit.old}")
        begin, end = found[0].span()
        texts[edit.path] = text[:begin] + edit.new + text[end:]
    return texts


class Tree:
    """The copy that is built, and the folders that the wheels are unpacked to."""

    def __init__(self, cache: Path) -> None:
        self.copy = cache / "tree"
        self._cache = cache
        self._cores: dict[str, bytes] = {}

    def built(self, name: str, edits: Iterable[Edit] = ()) -> Path:
        """Build the tree with these edits; gives the folder with the package `fleet_q`."""
        self._mirror(edited(edits))
        wheels, unpacked = self._cache / "wheels", self._cache / "unpacked" / name
        shutil.rmtree(wheels, ignore_errors=True)
        shutil.rmtree(unpacked, ignore_errors=True)
        self._build(wheels)
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            wheel.extractall(unpacked)
        core = next((unpacked / "fleet_q").glob("_core*.so")).read_bytes()
        if core in self._cores.values():
            raise SameError(f"{name} changes nothing in what is built")
        self._cores[name] = core
        return unpacked

    def _mirror(self, texts: dict[str, str]) -> None:
        """Make the copy like the tree but for these texts; files that are alike keep their time, for cargo."""
        wanted = set(_files())
        for path in wanted:
            text = texts.get(path.as_posix())
            new = (ROOT / path).read_bytes() if text is None else text.encode()
            old = self.copy / path
            if not old.exists() or old.read_bytes() != new:
                old.parent.mkdir(parents=True, exist_ok=True)
                old.write_bytes(new)
        for old in [path for path in self.copy.rglob("*") if path.is_file()]:
            if old.relative_to(self.copy) not in wanted:
                old.unlink()

    def _build(self, wheels: Path) -> None:
        maturin = Path(sys.executable).parent / "maturin"
        command = [str(maturin), "build", "--profile", "planted", "--locked", "--quiet"]
        done = subprocess.run(
            [*command, "--interpreter", sys.executable, "--out", str(wheels)],
            cwd=self.copy,
            env={**os.environ, "CARGO_TARGET_DIR": str(self._cache / "target"), "VIRTUAL_ENV": sys.prefix},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"the tree does not build:\n{done.stderr}")


def _files() -> Iterator[Path]:
    for part in PARTS:
        whole = ROOT / part
        for path in [whole] if whole.is_file() else whole.rglob("*"):
            if path.is_file() and not LEFT_OUT & set(path.parts) and path.suffix not in (".pyc", ".so"):
                yield path.relative_to(ROOT)
