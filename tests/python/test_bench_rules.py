"""The rules by which pages of measurements judge: where a curve bends, what grew, what stress may cost."""

from __future__ import annotations

import pytest

from curves.knees import knee, steady
from soak.verdicts import Limit, grown, judged, slope
from stress.verdicts import handful, held, many_pods

MIB = Limit("memory", "rss", 10.0, "MiB")
SHARE = Limit("latency", "p50", 25.0, "%")


def test_enough_is_the_least_x_within_a_tenth_of_the_best() -> None:
    bend = knee({1: 10.0, 10: 89.0, 100: 90.0, 1000: 100.0})
    assert bend is not None
    assert (bend.best, bend.best_at, bend.enough_at, bend.fallen_at) == (100.0, 1000, 100, None)


def test_a_dip_before_the_best_is_no_fall_and_one_that_recovers_neither() -> None:
    bend = knee({1: 90.0, 2: 10.0, 4: 100.0, 8: 10.0, 16: 80.0})
    assert bend is not None
    assert (bend.enough_at, bend.fallen_at) == (1, None)


def test_fallen_is_where_the_rate_falls_for_good() -> None:
    bend = knee({0: 100.0, 1: 95.0, 10: 79.0, 100: 20.0})
    assert bend is not None
    assert (bend.enough_at, bend.fallen_at) == (0, 10)


def test_a_curve_without_points_has_no_knee() -> None:
    assert knee({}) is None


def test_steady_rate_leaves_out_a_slow_begin_and_a_slow_end() -> None:
    second = 1_000_000_000
    middle = [100 * second + n * second // 100 for n in range(800)]
    late = [500 * second + n * second for n in range(100)]
    early = [n * second // 2 for n in range(100)]
    assert steady([*early, *middle, *late]) == pytest.approx(100.0)


@pytest.mark.parametrize("began", [[], [1], [5, 5, 5]])
def test_too_few_bodies_have_no_rate(began: list[int]) -> None:
    assert steady(began) == 0.0


def test_slope_is_not_bent_by_spikes_after_kills() -> None:
    series = [(float(at), 2.0 * at + (10_000.0 if at % 60 == 0 else 0.0)) for at in range(0, 3600, 10)]
    assert slope(series) == pytest.approx(2.0)


def test_slope_of_very_many_moments_is_taken_from_some_of_them() -> None:
    assert slope([(float(at), 3.0 * at) for at in range(100_000)]) == pytest.approx(3.0)


def test_growth_in_the_first_tenth_does_not_count() -> None:
    warm = [(float(at), min(at, 360.0)) for at in range(0, 3601, 10)]
    assert grown(warm, MIB) == pytest.approx(0.0)


def test_growth_is_over_the_time_that_is_judged() -> None:
    leak = [(float(at), 100.0 + at / 3600) for at in range(0, 3601, 10)]
    assert grown(leak, MIB) == pytest.approx(0.9)
    assert grown([(at, 2 * value) for at, value in leak], SHARE) == pytest.approx(0.9, rel=0.01)


def test_too_few_samples_say_nothing_of_growth() -> None:
    assert grown([], MIB) is None
    assert grown([(0.0, 1.0), (100.0, 2.0)], MIB) is None


def test_a_leak_a_lost_step_and_one_recorded_twice_are_each_told() -> None:
    flat = [{"t": float(at), "rss 0": 40.0, "p50": 5.0, "p99": 9.0} for at in range(0, 601, 10)]
    leaking = [{**one, "rss 0": 40.0 + one["t"] / 10} for one in flat]
    fine, end = {"lost": 0.0, "recorded twice": 0.0}, {"lost": 1.0, "recorded twice": 2.0}
    assert all(one.holds for one in judged(flat, fine))
    assert [one.what for one in judged(leaking, end) if not one.holds] == [
        "growth: memory of the worker that is not killed",
        "steps lost",
        "steps recorded twice",
    ]


def test_most_pods_are_compared_with_the_best_of_all() -> None:
    enough = many_pods({1: 50.0, 8: 100.0, 64: 80.0}, "in the end")
    less = many_pods({1: 50.0, 8: 100.0, 64: 79.0}, "in the end")
    assert enough is not None
    assert enough.reached
    assert less is not None
    assert not less.reached
    assert many_pods({}, "in the end") is None


def test_what_was_not_measured_under_stress_is_not_judged() -> None:
    assert handful(None) is None
    assert held(None, 1.0, "all") is None
    assert held(1.0, None, "all") is None


def test_an_old_snapshot_may_cost_three_tenths() -> None:
    enough, less = held(70.0, 100.0, "all"), held(69.0, 100.0, "all")
    assert enough is not None
    assert enough.reached
    assert less is not None
    assert not less.reached
