#!/usr/bin/env python3
"""Brings what tests need from Debian's (or Ubuntu's) packages into the user's cache, without changing the system.

`debian_parts.py NAME…` prints where each part is; without names it lists them all. A part that the system has
is used as it is, unless FLEET_Q_DEBIAN_PARTS=own. Otherwise its package is downloaded with `apt-get download` and
unpacked, with those of the libraries it needs that are not here. Needs no root, and no lists of packages: where
there are none, it fetches lists of its own. Ends with 69 and a sentence for what cannot be had.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Part(NamedTuple):
    """Something to bring: its package, and the programs that must run, or the libraries that must load."""

    package: str
    programs: tuple[str, ...]
    """As patterns from the root; the last match is the newest version."""
    leads_to: str = ""
    """Where the package is an empty one that depends on the real one: a pattern of the latter's name."""


PARTS = {
    "postgres": Part(
        "postgresql",
        tuple(f"usr/lib/postgresql/*/bin/{program}" for program in ("postgres", "initdb")),
        leads_to=r"postgresql-\d+",
    ),
    "pgbouncer": Part("pgbouncer", ("usr/sbin/pgbouncer",)),
    # The first for a process of one thread, as Postgres is, the other for one of many, as a pod is.
    "libfaketime": Part(
        "libfaketime", tuple(f"usr/lib/*/faketime/{library}.so.1" for library in ("libfaketime", "libfaketimeMT"))
    ),
}

PACKAGES_MAX = 60
"""More packages than this for one part is a mistake of the search for libraries."""

UNPACKED_IN_VAIN = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/postgresql/*/man")
# As root, apt would download as another user, who cannot write here.
APT_OPTIONS = ["-qq", "-o", "APT::Sandbox::User=root"]


class MissingError(Exception):
    """A part cannot be had here; the message says why and what to do."""


class Brought(NamedTuple):
    """A part that is here: the folder that stands for the root, its programs, and libraries that lie elsewhere."""

    root: Path
    programs: list[Path]
    libraries: Path | None = None

    def moved(self, root: Path) -> Brought:
        """Give the same in a copy of the root, which holds the libraries, too."""
        libraries = root / self.libraries.name if self.libraries else None
        return Brought(root, [root / program.relative_to(self.root) for program in self.programs], libraries)

    def environment(self) -> dict[str, str]:
        """Give what its programs need in their environment to find their libraries."""
        folders = _library_folders(self.root) if self.root != Path("/") else []
        folders += [self.libraries] if self.libraries else []
        return {"LD_LIBRARY_PATH": os.pathsep.join(map(str, folders))} if folders else {}


def main() -> int:
    """Bring what is named, or everything."""
    missing = 0
    for name in sys.argv[1:] or PARTS:
        try:
            print(name, *bring(name).programs)
        except MissingError as why:
            print(f"{name} IS NOT HERE: {why}", file=sys.stderr)
            missing = 69
    return missing


def bring(name: str) -> Brought:
    """Find a part, or bring it."""
    part = PARTS.get(name)
    if part is None:
        raise MissingError(f"it is none of {', '.join(PARTS)}")
    if os.environ.get("FLEET_Q_DEBIAN_PARTS") != "own" and (here := _found(part, Path("/"))):
        return here
    home = cache() / _distribution() / name
    with _alone(home.parent):
        if here := _found(part, home):
            return here
        with tempfile.TemporaryDirectory(dir=home.parent) as folder:
            _fetch(part, Path(folder))
            if not _found(part, Path(folder, "root")):
                raise MissingError(f"the package {part.package} has no {part.programs[0]}")
            shutil.rmtree(home, ignore_errors=True)
            Path(folder, "root").rename(home)
        return Brought(home, [_newest(home, program) for program in part.programs])


def cache() -> Path:
    """Give the folder of everything that is brought."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "fleet-q", "debian")


def _distribution() -> str:
    """Name what the packages are made for, so that an upgraded system brings its own."""
    release = Path("/etc/os-release")
    said = (
        dict(line.split("=", 1) for line in release.read_text().splitlines() if "=" in line) if release.exists() else {}
    )
    return said.get("VERSION_CODENAME", said.get("ID", "unknown")).strip('"') + "-" + os.uname().machine


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two runs at once bring a part once."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _found(part: Part, root: Path) -> Brought | None:
    programs = [_newest(root, program) for program in part.programs]
    return Brought(root, programs) if all(program.is_file() for program in programs) else None


def _newest(root: Path, program: str) -> Path:
    def version(path: Path) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", str(path.relative_to(root)))]

    return max(root.glob(program), key=version, default=root / program)


def _fetch(part: Part, folder: Path) -> None:
    """Unpack the part and its libraries into `folder/root`."""
    apt = Apt(folder)
    root = folder / "root"
    packages = [apt.download(part.package)]
    apt.unpack(packages[0], root)
    if part.leads_to:
        name = next((name for name in apt.needs(packages[0]) if re.fullmatch(part.leads_to, name)), None)
        if name is None:
            raise MissingError(f"the package {part.package} leads to no {part.leads_to}")
        packages.append(apt.download(name))
        apt.unpack(packages[-1], root)
    programs = [_newest(root, program) for program in part.programs]
    _complete(apt, root, programs, packages)
    for vain in UNPACKED_IN_VAIN:
        for unread in root.glob(vain):
            shutil.rmtree(unread)


def _complete(apt: Apt, root: Path, programs: list[Path], packages: list[Path]) -> None:
    """Unpack the libraries that are missing, from the packages that these depend on and no others."""
    seen: set[str] = set()
    while missing := _missing_libraries(root, programs):
        names = {name for package in packages for name in apt.needs(package) if name.startswith("lib")} - seen
        candidates = sorted((name for name in names if not apt.has(name)), key=apt.size)
        if not candidates or len(seen) > PACKAGES_MAX:
            raise MissingError(f"no package that it depends on brings {', '.join(sorted(missing))}")
        # The smallest first: the large ones are seldom what a program links to.
        seen.add(candidates[0])
        package = apt.download(candidates[0])
        if missing & {path.name for path in apt.contents(package)}:
            apt.unpack(package, root)
            packages.append(package)


def _missing_libraries(root: Path, programs: list[Path]) -> set[str]:
    paths = {"LD_LIBRARY_PATH": os.pathsep.join(map(str, _library_folders(root)))}
    said = _run(["ldd", *map(str, programs)], env={**os.environ, **paths}).stdout
    return set(re.findall(r"^\s*(\S+) => not found", said, re.MULTILINE))


def _library_folders(root: Path) -> list[Path]:
    return [*root.glob("usr/lib/*-linux-gnu*"), *root.glob("lib/*-linux-gnu*")]


class Apt:
    """The few questions we have to apt and dpkg. Writes below one folder only."""

    def __init__(self, folder: Path) -> None:
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise MissingError("it comes from a Debian package, and there is no apt-get here")
        self._downloads = folder / "downloads"
        self._downloads.mkdir()
        self._own = folder / "apt"
        self._options = [*APT_OPTIONS]

    def download(self, package: str) -> Path:
        """Download a package; with lists of our own if the system's have it not, or not any more."""
        said = self._downloaded(package)
        if said.returncode != 0 and not self._own.exists():
            self._update()
            said = self._downloaded(package)
        if said.returncode != 0:
            why = said.stderr.strip().splitlines()[-1:] or ["no reason given"]
            raise MissingError(f"`apt-get download {package}` failed: {why[0]}")
        return next(self._downloads.glob(f"{package}_*.deb"))

    def _downloaded(self, package: str) -> subprocess.CompletedProcess[str]:
        return _run(["apt-get", *self._options, "download", package], cwd=self._downloads)

    def _update(self) -> None:
        """Fetch lists of packages of our own. What comes of it, the next download tells."""
        for name in ("lists/partial", "cache/archives/partial"):
            (self._own / name).mkdir(parents=True)
        places = [f"Dir::State::Lists={self._own}/lists", f"Dir::Cache={self._own}/cache"]
        self._options += [word for place in places for word in ("-o", place)]
        _run(["apt-get", *self._options, "update"])

    def needs(self, package: Path) -> list[str]:
        """Name what a package depends on; of alternatives, the first."""
        said = _run(["dpkg-deb", "--field", str(package), "Pre-Depends", "Depends"]).stdout
        fields = re.sub(r"^[\w-]+:", ",", said, flags=re.MULTILINE)
        return [words[0] for one in fields.split(",") if (words := re.findall(r"[a-z0-9][a-z0-9.+-]+", one))]

    def has(self, name: str) -> bool:
        """Say whether the system has this package installed."""
        said = _run(["dpkg-query", "--show", "--showformat=${db:Status-Status}\n", name])
        return "installed" in said.stdout.split()

    def size(self, name: str) -> int:
        """Give how much a download would be."""
        sizes = re.findall(r"^Size: (\d+)", _run(["apt-cache", *self._options, "show", name]).stdout, re.MULTILINE)
        return max(map(int, sizes), default=0)

    def contents(self, package: Path) -> list[Path]:
        """List the files in a package."""
        lines = _run(["dpkg-deb", "--contents", str(package)]).stdout.splitlines()
        return [Path(line.split(" -> ")[0].split()[-1]) for line in lines]

    def unpack(self, package: Path, root: Path) -> None:
        """Unpack a package below `root`; none of its scripts runs."""
        said = _run(["dpkg-deb", "--extract", str(package), str(root)])
        if said.returncode != 0:
            raise MissingError(f"{package.name} cannot be unpacked: {said.stderr.strip()}")


def _run(
    command: list[str], *, cwd: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    environment = {**(env or os.environ), "LC_ALL": "C"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
