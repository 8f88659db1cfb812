"""`fleet-q doctor`: prints what is wrong with a queue and how to mend it. Decides nothing: the core does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from fleet_q import __version__
from fleet_q.client import Client
from fleet_q.settings import as_texts

# What draws is imported by whom it draws for: `fleet-q worker` would hold it for as long as it runs.
if TYPE_CHECKING:
    from rich.console import Console

    from fleet_q._core import Finding

__all__ = ["diagnose", "doctor"]

LOOKS = {"ok": "green", "note": "cyan", "warning": "yellow", "problem": "bold red"}
WORST = list(LOOKS)


def doctor(
    url: Annotated[str | None, typer.Option("--url", help="The database; FLEET_Q_URL without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON, and nothing else.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
) -> None:
    """Say what is wrong with the queue and its database, each finding with its mend.

    Changes nothing. Exits with 0 if there is no problem, with 1 if there is one, with 2 if the settings are wrong.
    """
    client = Client(as_texts({"url": url}))
    findings = client.diagnose_sync()
    worst = max((finding["level"] for finding in findings), key=WORST.index, default="ok")
    if as_json:
        where = str(client.settings["url"])
        typer.echo(json.dumps({"version": __version__, "url": where, "level": worst, "findings": findings}, indent=2))
    else:
        from rich.console import Console

        diagnose(findings, Console())
    raise typer.Exit(1 if worst == "problem" or (strict and worst == "warning") else 0)


def diagnose(findings: list[Finding], console: Console) -> None:
    """Print the findings for people, in the order of what they are about, and a line that sums them up."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        said = Text(_plain(finding["says"]))
        if finding["mend"] is not None:
            said.append(f"\nmend: {_plain(finding['mend'])}", style="bold")
        table.add_row(Text(finding["level"], style=LOOKS[finding["level"]]), finding["area"], said)
    console.print(table)
    counts = {level: sum(finding["level"] == level for finding in findings) for level in LOOKS}
    told = [f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count and level != "ok"]
    console.print(Text(", ".join(reversed(told)) or "all is well"))


def _plain(text: str) -> str:
    # Names of programs and tasks come from anywhere; none may move the cursor.
    return "".join(char if char.isprintable() or char == "\n" else "�" for char in text)
