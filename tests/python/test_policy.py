"""RetryPolicy: what it refuses at construction."""

from __future__ import annotations

import pytest

from fleet_q import ConfigError, RetryPolicy


def test_the_defaults_are_the_documented_ones() -> None:
    policy = RetryPolicy()
    assert (policy.max_retries, policy.base, policy.factor, policy.cap, policy.jitter) == (3, 1, 2, 300, "full")


@pytest.mark.parametrize(
    ("keywords", "named"),
    [
        ({"max_retries": -1}, "max_retries"),
        ({"max_retries": 1.5}, "max_retries"),
        ({"max_retries": True}, "max_retries"),
        ({"base": -1}, "base"),
        ({"base": float("nan")}, "base"),
        ({"factor": 0.5}, "factor"),
        ({"cap": "5"}, "cap"),
        ({"base": 10, "cap": 5}, "cap"),
        ({"jitter": "some"}, "jitter"),
    ],
)
def test_a_policy_that_cannot_work_is_refused_by_name(keywords: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        RetryPolicy(**keywords)  # type: ignore[arg-type]


def test_every_problem_of_a_policy_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        RetryPolicy(max_retries=-1, base=-1, jitter="some")  # type: ignore[arg-type]
    assert len(caught.value.problems) == 3
