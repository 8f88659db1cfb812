"""README and docs are true: their code runs, their links lead somewhere, their lists are complete."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from clean_room import ROOT, run_script
from pages import Block, blocks

pytestmark = pytest.mark.docs

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PLACES = re.compile(r"`((?:src|tests|python|scripts|examples|docs)/[\w./-]+)(?:::\w+)?`")
LINKS = re.compile(r"\]\((?!https?://|#)([^)#]+)(?:#[^)]*)?\)")


PROMISES: list[tuple[str, str]] = re.findall(
    r"^\| (P\d+) (.*)$", (ROOT / "docs/concepts/promises.md").read_text(encoding="utf-8"), flags=re.MULTILINE
)
RUNNABLE = [block for page in PAGES for block in blocks(page, "python") if "no-run" not in block.info]

SERVE = """
from app import app
from starlette.testclient import TestClient

with TestClient(app) as client:
    answer = client.get("/fleet-q/health")
    assert answer.status_code == 200, answer.text
print("served")
"""

ORDER = """
import time
from app import app
from starlette.testclient import TestClient

with TestClient(app) as client:
    answer = client.post("/orders/7")
    assert answer.status_code == 202, answer.text
    step_id = answer.json()["step_id"]
    deadline = time.monotonic() + 30
    while (status := client.get(f"/fleet-q/status/{step_id}").json())["status"] != "completed":
        assert time.monotonic() < deadline, status
print(status)
"""

WORK = """
import asyncio
import sys

from fleet_q import FleetQ

fq = FleetQ()
greeted = asyncio.Event()


@fq.task
async def greet(name: str) -> None:
    print("hello", name)
    greeted.set()


async def main() -> None:
    async with fq:
        if sys.argv[1:] == ["greet"]:
            await asyncio.wait_for(greeted.wait(), 30)


asyncio.run(main())
"""


@pytest.mark.parametrize("block", RUNNABLE, ids=str)
def test_code_on_the_page_runs(block: Block, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(block.code, encoding="utf-8")

    if "FastAPI(" in block.code:
        assert run_script(tmp_path, "-c", SERVE) == "served\n"
    else:
        run_script(tmp_path, "app.py")


def test_readme_app_takes_an_order_and_completes_it(tmp_path: Path) -> None:
    (app,) = blocks(ROOT / "README.md", "python")
    (tmp_path / "app.py").write_text(app.code, encoding="utf-8")

    printed = run_script(tmp_path, "-c", ORDER)

    assert "invoice for order 7 sent" in printed


def test_readme_app_is_as_short_as_its_title_says() -> None:
    (app,) = blocks(ROOT / "README.md", "python")
    assert len(app.code.splitlines()) <= 20


def test_step_inserted_by_plain_sql_runs(tmp_path: Path) -> None:
    page = ROOT / "docs" / "reference" / "plain-sql.md"
    (insert,) = (block for block in blocks(page, "sql") if "sqlite" in block.info)
    (tmp_path / "app.py").write_text(WORK, encoding="utf-8")
    run_script(tmp_path, "app.py")  # creates the tables

    with sqlite3.connect(tmp_path / "fleet_q.db") as database:
        database.execute(insert.code)
    database.close()

    assert run_script(tmp_path, "app.py", "greet") == "hello Ada\n"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_points_only_to_what_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = [page.parent / target for target in LINKS.findall(text)]
    # A page may say how to name a new file.
    places = [ROOT / place for place in PLACES.findall(text)]

    assert [str(path) for path in [*links, *places] if not path.exists()] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    seen: set[Path] = set()
    ahead = [ROOT / "README.md"]
    while ahead:
        page = ahead.pop().resolve()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        ahead += [page.parent / target for target in LINKS.findall(page.read_text(encoding="utf-8"))]

    assert sorted({page.resolve() for page in PAGES} - seen) == []


@pytest.mark.parametrize(("promise", "row"), PROMISES)
def test_promise_is_carried_by_the_tests_it_names(promise: str, row: str) -> None:
    tests = [ROOT / place for place in PLACES.findall(row)]
    silent = [path for path in tests if not re.search(rf"\b{promise}\b", path.read_text(encoding="utf-8"))]

    assert (bool(tests) or "to come" in row, silent) == (True, [])


def test_errors_page_says_what_the_docstrings_say() -> None:
    run_script(ROOT, "scripts/gen_reference.py", "--check")


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs" / "decisions" / "dependencies.md").read_text(encoding="utf-8")
    names = [*cargo_dependencies(), *project_dependencies()]
    names += [name for kind in ("build", "dev") for name in requirements(f"requirements-{kind}.txt")]

    assert [name for name in names if f"`{name}`" not in reasons] == []


def cargo_dependencies() -> Iterator[str]:
    """Read the names in each table of dependencies; tomllib is not in Python 3.10."""
    wanted = False
    for line in (ROOT / "Cargo.toml").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            wanted = line.endswith("dependencies]")
        elif wanted and (name := re.match(r"([\w-]+)\s*=", line)):
            yield name[1]


def requirements(name: str) -> list[str]:
    return re.findall(r"^([A-Za-z][\w-]*)", (ROOT / name).read_text(encoding="utf-8"), flags=re.MULTILINE)


def project_dependencies() -> list[str]:
    """Read the quoted requirements between `dependencies` and the scripts."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    part = text[text.index("\ndependencies = ") : text.index("[project.scripts]")]
    return re.findall(r'"([A-Za-z][\w-]*)', part)
