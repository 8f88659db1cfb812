"""P2, P5 and P10 when pods come and go in numbers: twenty at once, four of one name, all of them in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from acceptance.conftest import MakeFleet
from acceptance.fleet import Fleet, order
from acceptance.judge import judge
from acceptance.night import ON_A_SERVER, busy, marked, paid, server_of, together
from acceptance.waiting import InconclusiveError, repeated, spread

pytestmark = ON_A_SERVER

MANY = 20
NOTE_TABLES = """
create table acceptance_made (made text, transaction text);
create or replace function acceptance_making() returns event_trigger language plpgsql as $$
begin
  insert into public.acceptance_made
  select relname, txid_current()::text
  from pg_event_trigger_ddl_commands() join pg_class on pg_class.oid = objid
  where schema_name = '{schema}' and relname in ('pod_health', 'step_tracker') and command_tag = 'CREATE TABLE';
end $$;
create event trigger acceptance_making on ddl_command_end execute function acceptance_making();
"""
WAIT_MAX_S = 2.0
"""Measured 0.2 s at most in ten restarts, on two cores beside other suites."""


@pytest.mark.timeout(180)
def test_p2_twenty_pods_that_start_at_once_on_an_empty_database_share_its_work(make_fleet: MakeFleet) -> None:
    """P2, P5, P11: all of them find no tables; one makes them, all register, and each gets a part of the work."""
    fleet = make_fleet(empty=True)
    with tables_made(fleet) as made:
        pods = [fleet.worker(f"pod{n}", ready=False) for n in range(MANY)]
        fleet.watch()
        for pod in pods:
            fleet.ready(pod)
    fleet.produce([order("nap", 20 * MANY, least=0.2, most=0.4)])
    fleet.settled()

    ran = judge(fleet, once=True)
    share = Counter(run.pid for run in ran)
    complaints = [line["message"] for pod in pods for line in pod.logged("fleet_q.store") if line["level"] != "INFO"]
    print(f"shares: {sorted(share.values())}")
    assert complaints == []
    assert sorted(table for table, _ in made) == ["pod_health", "step_tracker"], made
    assert len({transaction for _, transaction in made}) == 1, made
    assert set(share) == {pod.pid for pod in pods}
    assert (marked(fleet), paid(fleet)) == ([], 0)


@contextmanager
def tables_made(fleet: Fleet) -> Iterator[list[tuple[str, str]]]:
    """Have the server note which of our tables is made, and in which transaction."""
    import psycopg

    made: list[tuple[str, str]] = []
    with psycopg.connect(fleet.store.observer[1], autocommit=True) as server:
        server.execute(NOTE_TABLES.format(schema=server_of(fleet).schema))
        try:
            yield made
            made += server.execute("select made, transaction from acceptance_made").fetchall()
        finally:
            server.execute("drop event trigger acceptance_making; drop table acceptance_made")


@pytest.mark.timeout(120)
def test_p2_four_workers_of_one_pod_id_are_four_pods(fleet: Fleet) -> None:
    """P2, P5, P6: a name that four processes share confuses nobody, also when one of them dies and one comes back."""
    pods = together(fleet, ["same"] * 4)
    fleet.produce([order("nap", 200, least=0.05, most=0.5)])
    busy(fleet, *pods)
    pods[0].kill()
    again = fleet.worker("same")
    fleet.produce([order("nap", 60, least=0.05, most=0.2)])
    fleet.settled()

    ran = judge(fleet)
    ids = {pod for pod, _, _ in fleet.pods()}
    assert len(ids) == 5
    assert all(pod.startswith("same-") for pod in ids)
    assert {run.pid for run in ran} == {pod.pid for pod in [*pods, again]}
    assert {look.pid for look in marked(fleet)} <= {pods[0].pid}


@pytest.mark.timeout(180)
def test_p10_restart_of_every_pod_in_turn_spends_nothing(make_fleet: MakeFleet) -> None:
    """P10: four pods get SIGTERM one after the other under load, and each has a successor."""
    repeated(rolled, make_fleet)


def rolled(fleet: Fleet) -> None:
    """Replace each pod while steps come in; none of them waits, neither the new nor those that were given back."""
    pods = together(fleet, [f"pod{n}" for n in range(4)], SHUTDOWN_GRACE="0.5")
    # Some bodies outlast the grace; three pods of four are enough for all of them.
    producer = fleet.produce([order("nap", 100_000, batch=3, pace=0.1, least=0.02, most=1.0)], wait=False)
    busy(fleet, *pods)
    for n, pod in enumerate(pods):
        assert pod.terminate() == 0, pod.tail()
        fleet.worker(f"next{n}", SHUTDOWN_GRACE="0.5")
    assert producer.process.poll() is None, producer.tail()
    producer.kill()
    fleet.settled()

    ran = judge(fleet)
    cut = sum(run.how == "stop" for run in ran)
    waits = waits_s(fleet)
    print(f"{len(ran)} runs, {cut} cut short; from due to claimed: {spread(waits)}")
    assert paid(fleet) == 0
    assert max(waits) < WAIT_MAX_S
    if not cut:
        raise InconclusiveError("no body was running when the grace of its pod was over")


def waits_s(fleet: Fleet) -> list[float]:
    """Give how long each step was pending before each of its claims."""
    waits, since = [], dict[str, int]()
    for step, became, ts in fleet.query("select step_id, became, ts from acceptance_history order by ts"):
        if became == "pending":
            since[step] = ts
        elif became == "claimed" and step in since:
            waits.append((ts - since.pop(step)) / 1000)
    return waits
