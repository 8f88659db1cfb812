"""The exceptions: their parents, their facts, and that they survive pickling."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest

import fleet_q
from fleet_q import exceptions as e

EVERY = [
    e.FleetQError("m", step_ids=["s"]),
    e.ConfigError("m", problems=["a", "b"]),
    e.UnknownTask("m", task="t"),
    e.InvalidArguments("m", path="$.args[0]"),
    e.InvalidResult("m", path="$"),
    e.PayloadTooLarge("m", size=2, limit=1),
    e.StoreUnavailable("m", outcome="unknown", step_ids=["s"]),
    e.SchemaMismatch("m"),
    e.ClaimLost("m"),
    e.StepNotFound("m", step_id="s"),
    e.StepNotFailed("m", step_id="s", status="completed"),
    e.StepFailed("m", step_id="s", error_type="ValueError", traceback="tb", attempts=2),
    e.StepTimeout("m", step_id="s", error_type="StepTimeout", attempts=1),
    e.StepCancelled("m", step_id="s"),
    e.ResultTimeout("m", step_id="s"),
    e.UniqueConflict("m", key="k", holder="h"),
    e.Stopped("m"),
    e.Retry("m", after=2),
    e.Snooze(3),
    e.Discard("m"),
]


@pytest.mark.parametrize("error", EVERY, ids=lambda error: type(error).__name__)
def test_every_exception_survives_pickling_with_its_facts(error: Exception) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), vars(copy), copy.args) == (str(error), vars(error), error.args)


def test_every_public_exception_is_listed_here_and_exported() -> None:
    assert {type(error).__name__ for error in EVERY} == set(e.__all__)
    assert set(e.__all__) <= set(fleet_q.__all__)


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (e.ConfigError, ValueError),
        (e.UnknownTask, LookupError),
        (e.InvalidArguments, TypeError),
        (e.InvalidArguments, ValueError),
        (e.PayloadTooLarge, ValueError),
        (e.StoreUnavailable, ConnectionError),
        (e.StepNotFound, LookupError),
        (e.StepTimeout, TimeoutError),
        (e.StepTimeout, e.StepFailed),
        (e.ResultTimeout, TimeoutError),
    ],
)
def test_the_natural_built_in_is_a_second_parent(kind: type[Exception], parent: type[Exception]) -> None:
    assert issubclass(kind, e.FleetQError)
    assert issubclass(kind, parent)


def test_a_failed_step_says_which_and_how_often_it_was_tried() -> None:
    error = e.StepFailed("no such file", step_id="1", error_type="OSError", attempts=4)
    assert str(error) == "step 1 failed, tried 4 times: OSError: no such file"


def test_control_flow_takes_seconds_or_a_timedelta() -> None:
    assert (e.Retry(after=timedelta(minutes=1)).after, e.Snooze(timedelta(minutes=1)).delay) == (60.0, 60.0)
    assert e.Retry().after is None


@pytest.mark.parametrize("wait", [-1, float("nan"), float("inf")])
def test_control_flow_refuses_a_wait_that_is_none(wait: float) -> None:
    with pytest.raises(ValueError, match="not negative"):
        e.Snooze(wait)
    with pytest.raises(ValueError, match="not negative"):
        e.Retry(after=wait)
