"""Log lines of the command line; and that the library leaves an application's logging alone."""

from __future__ import annotations

import json
import logging
import subprocess
from collections.abc import Callable

from fleet_q.logs import ConsoleFormatter, JsonFormatter


def record(message: str, **fields: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"name": "fleet_q.pod", "levelname": "INFO", "msg": message, "created": 0.0})
    vars(made).update(fields)
    return made


def test_a_json_line_carries_the_fields() -> None:
    line = json.loads(JsonFormatter().format(record("pod started", pod="a-1", odd=object)))
    assert (line["ts"], line["message"], line["pod"]) == ("1970-01-01T00:00:00+00:00", "pod started", "a-1")


def test_a_console_line_is_one_readable_line() -> None:
    line = ConsoleFormatter().format(record("pod started", pod="a-1"))
    assert line.endswith("INFO    fleet_q.pod  pod started pod=a-1")


def test_a_traceback_follows_its_line() -> None:
    try:
        raise ValueError("x")
    except ValueError as error:
        failed = record("it broke", exc_info=(type(error), error, error.__traceback__))
    assert "ValueError: x" in json.loads(JsonFormatter().format(failed))["traceback"]
    assert ConsoleFormatter().format(failed).endswith("ValueError: x")


def test_the_library_configures_no_logging(python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = python(
        "import logging, fleet_q; fleet_q.FleetQ('memory://'); "
        "print(logging.root.handlers, logging.getLogger('fleet_q').level)"
    )
    assert done.stdout == "[] 0\n", done.stderr
