"""Every planted defect still fits the tree, and is on its page. What it breaks, `make planted` shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from planted.defects import DEFECTS, Defect, Edit
from planted.page import PAGE, row
from planted.tree import ROOT, DriftError, edited
from planted.verdict import read

EACH = pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
ACCEPTANCE = ROOT / "tests" / "python" / "acceptance"

REPORT = """<testsuites><testsuite>
<testcase name="seen" time="1"><failure message="AssertionError: 1 findings&#10;a is lost&#10;--- pod"/></testcase>
<testcase name="bare" time="1"><failure message="assert 2 == 1"/></testcase>
<testcase name="vain" time="1"><failure message="AssertionError: inconclusive 3 times"/></testcase>
<testcase name="import" time="1"><failure message="ImportError: no module"/></testcase>
<testcase name="setup" time="1"><error message="AssertionError: no server"/></testcase>
<testcase name="absent" time="1"><skipped/></testcase>
<testcase name="blind" time="1"/>
</testsuite></testsuites>"""


@EACH
def test_defect_fits_the_tree_and_changes_each_file_it_names(defect: Defect) -> None:
    texts = edited(defect.edits)
    assert set(texts) == {edit.path for edit in defect.edits}
    for path, text in texts.items():
        assert text != (ROOT / path).read_text(encoding="utf-8")


@EACH
def test_scenarios_that_must_see_a_defect_exist(defect: Defect) -> None:
    assert defect.scenarios
    for scenario in defect.scenarios:
        file, _, test = scenario.partition("::")
        assert f"def {test.partition('[')[0]}(" in (ACCEPTANCE / file).read_text(encoding="utf-8")


@EACH
def test_page_says_which_scenario_found_a_defect_and_how(defect: Defect) -> None:
    page = PAGE.read_text(encoding="utf-8")
    before_findings = row(defect, []).removesuffix("NOT CAUGHT |\n")
    line = next((line for line in page.splitlines() if line.startswith(before_findings)), "")
    assert re.search(defect.shows, line.removeprefix(before_findings)), "run `make planted`, which writes the page"


@pytest.mark.parametrize("old", ["gone\n", "twice\n"])
def test_edit_that_no_longer_fits_is_refused(tmp_path: Path, old: str) -> None:
    (tmp_path / "file").write_text("twice\ntwice\n")
    with pytest.raises(DriftError, match=r"file has this [02] times"):
        edited([Edit("file", old)], tmp_path)


def test_line_of_dots_stands_for_any_lines(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a\nb\nc\nd\n")
    assert edited([Edit("file", "a\n…\nd\n", "e\n")], tmp_path) == {"file": "e\n"}


def test_only_a_scenarios_own_assertion_counts_as_seen(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(REPORT)
    assert [(one.test, one.how, one.findings) for one in read(report)] == [
        ("seen", "failed", ("a is lost",)),
        ("bare", "failed", ("assert 2 == 1",)),
        ("vain", "broken", ("inconclusive 3 times",)),
        ("import", "broken", ("ImportError: no module",)),
        ("setup", "broken", ()),
        ("absent", "skipped", ()),
        ("blind", "passed", ()),
    ]
    assert read(tmp_path / "none.xml") == []
