"""Every example runs as its docstring says and prints what it promises. The app has tests of its own."""

from pathlib import Path

import pytest

from clean_room import ROOT, run_script

pytestmark = pytest.mark.docs

EXAMPLES = ROOT / "examples"
LINES_MAX = 60
PRINTS = {
    "quickstart.py": ["3 DONE", "completed"],
    "delayed_and_unique.py": [
        "now: scheduled",
        "later: digest for ada",
        "the key is held by the first: True",
        "another one: scheduled",
    ],
    "retries.py": ["got https://example.org at attempt 3", "let in", "failed: card 1234 is expired"],
    "sync_producer.py": ["photo-1.png is 100 wide", "photo-2.png is 200 wide"],
}


@pytest.mark.parametrize("name", PRINTS)
def test_example_prints_what_it_promises(name: str, tmp_path: Path) -> None:
    printed = run_script(tmp_path, str(EXAMPLES / name))

    assert printed.splitlines() == PRINTS[name]


def test_no_example_goes_unrun() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(PRINTS)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_example_fits_on_a_page(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES_MAX
