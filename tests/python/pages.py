"""Reads the fenced pieces of code out of a page of documentation. Runs none."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from clean_room import ROOT


class Block(NamedTuple):
    """A fenced piece of code; its info string may add words to the language, such as `no-run`."""

    page: Path
    line: int
    info: list[str]
    code: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(page: Path, language: str) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in re.finditer(r"^```([^\n`]+)\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE):
        info = match[1].split()
        if info[0] == language:
            yield Block(page, text.count("\n", 0, match.start()) + 1, info, match[2])
