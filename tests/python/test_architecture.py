"""ARCHITECTURE.md traces a step in eight hops: each name in it exists, and a real step passes them in order."""

import re

import pytest

from clean_room import ROOT

pytestmark = pytest.mark.docs

PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
HOPS = re.findall(r"^\| (\d) \| (.+) \|$", PAGE, flags=re.MULTILINE)
PLACES = [(int(hop), place) for hop, cells in HOPS for place in re.findall(r"`([\w/]+\.[\w:.]+)`", cells)]
DEFINITION = {".py": r"^\s*(?:async )?def {}\b", ".rs": r"^\s*(?:pub(?:\([a-z]+\))? )?(?:async )?fn {}\b"}


def test_trace_has_eight_hops_in_order() -> None:
    assert [int(hop) for hop, _ in HOPS] == list(range(1, 9))


@pytest.mark.parametrize(("hop", "place"), PLACES, ids=lambda value: str(value))
def test_place_in_the_trace_exists(hop: int, place: str) -> None:
    path, _, function = place.partition("::")
    file = ROOT / path

    assert file.is_file(), f"hop {hop} names a file that is not there"
    if function:
        pattern = DEFINITION[file.suffix].format(function)
        assert re.search(pattern, file.read_text(encoding="utf-8"), flags=re.MULTILINE), f"hop {hop}: no such function"
