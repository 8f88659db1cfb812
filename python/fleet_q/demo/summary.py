"""Adds up what became of the demo's steps, and says whether all is as promised. Prints nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import PurePath
from typing import cast

__all__ = ["Summary", "summarise"]


@dataclass
class Summary:
    """The demo in figures."""

    files: int
    seconds: float
    steps_per_second: float
    completed: int = 0
    ok: int = 0
    syntax_errors: int = 0
    functions: int = 0
    classes: int = 0
    documented: int = 0
    longest_function: int = 0
    longest_function_file: str = ""
    told_to_fail: int = 0
    retries: int = 0
    dead_letters: list[dict[str, object]] = field(default_factory=list[dict[str, object]])
    problems: list[str] = field(default_factory=list[str])

    @property
    def docstring_coverage(self) -> float:
        """The share of functions and classes that have a docstring."""
        return self.documented / max(1, self.functions + self.classes)

    def as_dict(self) -> dict[str, object]:
        """Give it for JSON."""
        return {**asdict(self), "docstring_coverage": round(self.docstring_coverage, 4)}


def summarise(submissions: Sequence[dict[str, object]], steps: Sequence[dict[str, object]], seconds: float) -> Summary:
    """Add up the answers of `/status`, given in the order of the submissions."""
    summary = Summary(files=len(submissions) - 1, seconds=seconds, steps_per_second=len(steps) / max(seconds, 1e-9))
    for submission, step in zip(submissions, steps, strict=True):
        if submission["type"] == "hopeless":
            _dead_letter(summary, step)
        else:
            _file(summary, submission, step)
    seen = Counter(str(step["step_id"]) for step in steps)
    summary.problems += [f"two submissions got the step id {step_id}" for step_id, n in seen.items() if n > 1]
    return summary


def _file(summary: Summary, submission: dict[str, object], step: dict[str, object]) -> None:
    args = cast("dict[str, object]", submission["args"])
    path, told, retries = str(args["path"]), bool(args["fail_first"]), cast("int", step["retry_count"])
    summary.retries += retries
    summary.told_to_fail += told
    if step["status"] != "completed":
        summary.problems.append(f"{path} ended {step['status']}: {step['error']}")
        return
    if retries != int(told):
        summary.problems.append(f"{path} was retried {retries} times, expected {int(told)}")
    report = cast("dict[str, int | str]", step["result"])
    summary.completed += 1
    summary.ok += report["verdict"] == "ok"
    summary.syntax_errors += report["verdict"] == "syntax_error"
    summary.functions += int(report["functions"])
    summary.classes += int(report["classes"])
    summary.documented += int(report["documented"])
    if int(report["longest_function"]) > summary.longest_function:
        summary.longest_function = int(report["longest_function"])
        summary.longest_function_file = PurePath(path).name


def _dead_letter(summary: Summary, step: dict[str, object]) -> None:
    summary.retries += cast("int", step["retry_count"])
    if step["status"] != "failed" or "always fails" not in str(step["error"]):
        summary.problems.append(f"the hopeless step ended {step['status']}: {step['error']}")
        return
    tries = cast("int", step["retry_count"]) + 1
    summary.dead_letters.append({"step_id": step["step_id"], "tries": tries, "reason": step["error"]})
