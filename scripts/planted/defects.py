"""The defects that `make planted` plants: which guard each takes out, and which scenario must see it. Plants nothing.

An edit is text to find and text to put there, not a numbered patch, so that it survives what moves around it.
A line of `old` that is only `…` stands for any lines. What is found must be there exactly once; a test sees to it.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["DEFECTS", "Defect", "Edit"]

SQL = "src/store/postgres/sql"
NOW = "coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))"


class Edit(NamedTuple):
    """Some text of one file, and what to put there."""

    path: str
    old: str
    new: str = ""


class Defect(NamedTuple):
    """A guard taken out."""

    name: str
    guard: str
    """What is missing, and which promise it kept."""
    change: str
    """The edits in words."""
    scenarios: tuple[str, ...]
    """Tests of tests/python/acceptance; each must fail."""
    shows: str
    """What a finding that is about this guard looks like."""
    edits: tuple[Edit, ...]


# Recovery that knows the threshold, as both of its wrong forms need it.
TOLD_THE_THRESHOLD = (
    Edit(
        "src/store/types.rs",
        "pub struct Recover {\n",
        "pub struct Recover {\n    pub timing: DeathTiming,\n",
    ),
    Edit(
        "src/runtime/leader_loop.rs",
        "Recover { leader: me.clone(),",
        "Recover { timing: self.core.timing(), leader: me.clone(),",
    ),
    Edit(
        "src/store/postgres/leader.rs",
        "            .call(&db.sql.recover)\n",
        "            .call(&db.sql.recover)\n"
        '            .with("dead_pod_threshold_ms", signed(call.timing.dead_pod_threshold))\n',
    ),
)

LATE_RETURN = "test_night_grace.py::test_p5_pods_that_come_back_later_than_their_leader_keep_their_steps"
FROZEN_LEADER = "test_night_outage.py::test_p5_leader_that_is_frozen_across_an_outage_harms_nobody"
BLOCKED = "test_p5_no_false_death.py::test_p5_blocked_loop_and_held_gil_cost_no_beat_and_no_step"
LOST_REPLIES = "test_night_lost_replies.py::test_p4_nothing_is_lost_or_done_twice_when_replies_are_lost_after_commit"

DEFECTS = (
    Defect(
        "fence",
        "the fence (P3)",
        f"the statements that end a claim no longer ask for its `claim_id`: `{SQL}/finish.sql`, `{SQL}/release.sql`",
        ("test_p8_frozen.py::test_p3_outcomes_of_a_pod_that_was_frozen_are_refused_and_it_registers_anew",),
        "before its body ended|whose body never ended",
        (
            Edit(f"{SQL}/finish.sql", "  and step_tracker.claim_id = said.claim_id  -- fence\n"),
            Edit(f"{SQL}/release.sql", "    and said.claim_id = step_tracker.claim_id\n"),
        ),
    ),
    Defect(
        "grace",
        "the grace after an outage (P5)",
        f"`{SQL}/mark_dead.sql` does not ask since when the leader itself has been beating, and the leader suspects "
        "every pod, not those alone that it saw stand still",
        (LATE_RETURN, f"{FROZEN_LEADER}[when it was buried]"),
        "is down and its process lives|was marked down .* after the server was back",
        (
            Edit(
                f"{SQL}/mark_dead.sql",
                f"      and leader.beating_since <= {NOW}\n"
                f"      and {NOW} - leader.beating_since >= :dead_pod_threshold_ms\n",
            ),
            Edit("src/runtime/sightings.rs", "now.since(*since) > threshold", "now.since(*since) >= Millis::ZERO"),
        ),
    ),
    Defect(
        "journal",
        "the journal (P12)",
        "`journal` in `src/runtime/cycle.rs` frees the slot and writes nothing",
        ("test_p12_outage.py::test_p12_finished_work_survives_an_outage_and_kill_9_of_its_pod",),
        "ran more than once",
        (
            Edit(
                "src/runtime/cycle.rs",
                "        if self.core.note_journal(self.core.local.put(&owed).await).is_none() {\n…\n"
                "        lock(&self.core.owed).extend(owed.iter().map(|owed| owed.finish.claim));\n",
                "        drop(owed);\n",
            ),
        ),
    ),
    Defect(
        "reconciliation",
        "reconciliation (P4)",
        "`compare` in `src/runtime/reconcile.rs` finds no claim that the pod does not know of",
        ("test_p12_outage.py::test_p4_claims_whose_answer_was_lost_strand_no_step",),
        "every step is final; .*claimed by",
        (
            Edit(
                "src/runtime/reconcile.rs",
                ".filter(|claim| !known.contains(claim) && !desk.expects(*claim)).collect();",
                ".filter(|claim| known.contains(claim) && false).collect();",
            ),
        ),
    ),
    Defect(
        "memory",
        "death decided by the database (P5, P13)",
        f"`{SQL}/mark_dead.sql` believes the leader, who counts on the clock of its own process",
        (LATE_RETURN,),
        "is down and its process lives",
        (
            Edit(
                f"{SQL}/mark_dead.sql",
                "  and pod.last_heartbeat_ts = suspect.beat  -- unchanged since the leader saw it\n…\n"
                "  )  -- the leader may\n",
            ),
        ),
    ),
    Defect(
        "subselect",
        "recovery of orphans alone (P2, P5)",
        f"`{SQL}/recover.sql` takes what is claimed by pods `in (select … whose beat is old)`, and waits for locks",
        (LATE_RETURN,),
        "ran more than once|ran in .* at once",
        (
            *TOLD_THE_THRESHOLD,
            Edit(
                f"{SQL}/recover.sql",
                "with living as materialized (\n…\nupdate /*schema*/step_tracker\n",
                # Our own text with our own text in it.
                f"""\
with taken as materialized (
  select step_id, claim_id, claimed_by
  from /*schema*/step_tracker
  where status = 'claimed'
    and claimed_by in (
      select pod_id
      from /*schema*/pod_health
      where kind = 'pod'
        and (status = 'down' or {NOW} - last_heartbeat_ts > :dead_pod_threshold_ms)
    )
  order by step_id
  limit :limit_literal
  for update
)
update /*schema*/step_tracker
""",  # noqa: S608
            ),
        ),
    ),
    Defect(
        "age",
        "rescue by the pod's death, not by the claim's age (P5)",
        f"`{SQL}/recover.sql` also takes claims that are older than two thresholds",
        (BLOCKED,),
        "ran more than once|is pending: .*crash|is claimed: .*crash",
        (
            *TOLD_THE_THRESHOLD,
            Edit(
                f"{SQL}/recover.sql",
                "    and (claimed_by is null or claimed_by = '')\n",
                f"    and (claimed_by is null or claimed_by = '' or {NOW} - claimed_ts > :dead_pod_threshold_ms * 2)\n",
            ),
        ),
    ),
    Defect(
        "beats",
        "beats on a thread of their own (P5)",
        "the heartbeat loop runs on the thread that attaches to Python: `src/runtime/spawn.rs`, `src/python/bridge.rs`",
        (BLOCKED,),
        "is down and its process lives|ran more than once",
        (
            Edit(
                "src/runtime/spawn.rs",
                "/// Where loops run.\n",
                "pub static BRIDGE: std::sync::OnceLock<Handle> = std::sync::OnceLock::new();\n\n"
                "/// Where loops run.\n",
            ),
            Edit(
                "src/runtime/spawn.rs",
                "        self.beats_handle.spawn(future);\n",
                "        BRIDGE.get().unwrap_or(&self.beats_handle).spawn(future);\n",
            ),
            Edit(
                "src/python/bridge.rs",
                "enable_time().build()?;\n        let handle = runtime.handle().clone();\n",
                "enable_all().build()?;\n        let handle = runtime.handle().clone();\n"
                "        let _ = crate::runtime::spawn::BRIDGE.set(handle.clone());\n",
            ),
        ),
    ),
    Defect(
        "self-fence",
        "self-fencing (P8)",
        "`is_fenced` in `src/rules/recovery.rs` never says yes",
        ("test_night_stalls.py::test_p8_a_pod_that_is_cut_off_ends_what_it_runs_before_another_begins_it",),
        "ran in .* at once",
        (
            Edit(
                "src/rules/recovery.rs",
                "    since_last_beat_sent > timing.dead_pod_threshold - fence_margin(timing.heartbeat_interval)\n",
                "    since_last_beat_sent > timing.dead_pod_threshold.times(1_000_000)\n",
            ),
            # Else the watchdog, which waits for the fence to rise, spins.
            Edit(
                "src/runtime/watchdog.rs",
                "{ self.0.fence.rises_in(now) }",
                "{ self.0.fence.rises_in(now).max(Millis(100)) }",
            ),
        ),
    ),
    Defect(
        "same-ids",
        "an enqueue without an answer keeps its ids (P4, P7)",
        "`write` in `src/runtime/enqueuer.rs` gives the steps new ids when it sends them again",
        (f"{LOST_REPLIES}[enqueue-4]",),
        "steps that nobody enqueued",
        (
            Edit(
                "src/runtime/enqueuer.rs",
                '        let timed = || with_deadline(self.statement_timeout, "enqueue", self.store.enqueue(&call));\n',
                """\
        let tried = std::sync::atomic::AtomicBool::new(false);
        let timed = || {
            let mut sent = call.clone();
            if tried.swap(true, std::sync::atomic::Ordering::Relaxed) {
                sent.steps.iter_mut().for_each(|step| step.step_id = StepId(self.draws.bytes()));
            }
            async move { with_deadline(self.statement_timeout, "enqueue", self.store.enqueue(&sent)).await }
        };
""",
            ),
        ),
    ),
)
