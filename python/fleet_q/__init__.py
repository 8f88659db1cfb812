"""fleet-q: a task queue for Python services that have a database and nothing else.

Import what you use from here; whatever is not in `__all__` may change.
"""

from ._core import __version__, debug_build
from .app import FleetQ, FleetQApplication
from .context import Context
from .dead_letters import DeadLetter
from .default import DEFAULT as _DEFAULT
from .exceptions import (
    ClaimLost,
    ConfigError,
    Discard,
    FleetQError,
    InvalidArguments,
    InvalidResult,
    PayloadTooLarge,
    ResultTimeout,
    Retry,
    SchemaMismatch,
    Snooze,
    StepCancelled,
    StepFailed,
    StepNotFailed,
    StepNotFound,
    StepTimeout,
    Stopped,
    StoreUnavailable,
    UniqueConflict,
    UnknownTask,
)
from .handle import Handle
from .policy import RetryPolicy
from .step import StepError, StepInfo
from .task import Job, Task
from .types import Json, State
from .views import PodInfo, Schema, Stats

__all__ = [
    "ClaimLost",
    "ConfigError",
    "Context",
    "DeadLetter",
    "Discard",
    "FleetQ",
    "FleetQApplication",
    "FleetQError",
    "Handle",
    "InvalidArguments",
    "InvalidResult",
    "Job",
    "Json",
    "PayloadTooLarge",
    "PodInfo",
    "ResultTimeout",
    "Retry",
    "RetryPolicy",
    "Schema",
    "SchemaMismatch",
    "Snooze",
    "State",
    "Stats",
    "StepCancelled",
    "StepError",
    "StepFailed",
    "StepInfo",
    "StepNotFailed",
    "StepNotFound",
    "StepTimeout",
    "Stopped",
    "StoreUnavailable",
    "Task",
    "UniqueConflict",
    "UnknownTask",
    "__version__",
    "task",
]

task = _DEFAULT.task
"""Register a function with the default FleetQ, whenever there is one; takes what `FleetQ.task` takes."""

if debug_build:
    import warnings

    warnings.warn("this is a debug build of fleet-q: many times slower; use `make wheel`", stacklevel=2)
