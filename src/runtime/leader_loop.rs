//! What the oldest living pod does for the fleet: mark dead → recover → bury → prune.
//! Assigns no work. Two pods that both believe they lead do no harm (P13): the database decides.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::{Core, Phase};
use super::dead_letters::DeadLetters;
use super::events::Event;
use super::lock;
use super::stakes::Stakes;
use crate::rules::state::State;
use crate::rules::step::PodId;
use crate::rules::time::{Millis, Monotonic};
use crate::store::{self, MarkDead, Prune, Recover, Recovered};

/// Orphans per statement, and final steps deleted per statement.
const RECOVER_BATCH: u32 = 500;
const PRUNE_BATCH: u32 = 500;

/// Batches of orphans per pass; what is left waits for the next pass.
const RECOVER_BATCHES_MAX: usize = 100;

/// Batches of final steps per pass; if some are left, the next pass comes sooner.
const PRUNE_BATCHES_MAX: usize = 20;

/// How long the row of a pod that is `down` is kept for those who look.
const KEEP_PODS: Millis = Millis(3_600_000);

/// How often to look for what is past its keep. Nothing is kept for less than a minute, so that to
/// look at each pass would only cost an idle database a transaction more.
const PRUNE_EVERY: Millis = Millis(30_000);

pub(crate) struct LeaderLoop {
    core: Arc<Core>,
    next_prune: Monotonic,
    dead_letters: DeadLetters,
    stakes: Stakes,
}

impl LeaderLoop {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let (dead_letters, stakes) = (DeadLetters::new(core.clone()), Stakes::new(core.clone()));
        Self { next_prune: core.clock.monotonic(), dead_letters, stakes, core }
    }

    pub(crate) async fn run(mut self) {
        let mut phase = self.core.phase.subscribe();
        let mut wait = self.core.config.recovery_interval;
        loop {
            tokio::select! {
                biased;
                _ = phase.wait_for(|phase| *phase == Phase::Stopped) => return,
                () = tokio::time::sleep(wait.as_duration()) => {}
            }
            let began = self.core.clock.monotonic();
            let is_behind = self.tick().await;
            let took = self.core.clock.monotonic().since(began);
            let interval = self.core.config.recovery_interval;
            wait = if is_behind { interval.min(rest_after(took)) } else { interval };
        }
    }

    /// Returns whether more is left than one pass does.
    async fn tick(&mut self) -> bool {
        let me = self.core.id();
        if self.core.leader().as_ref() != Some(&me) || self.core.is_fenced() || self.core.shut_out().is_some() {
            return false;
        }
        self.core.leader_pass_began.store(self.core.clock.monotonic().0.max(1), Ordering::Release);
        let pass = self.pass(&me).await;
        self.core.leader_pass_began.store(0, Ordering::Release);
        pass.unwrap_or_else(|error| {
            self.core.note_store(Some(("a leader pass", &error)));
            false
        })
    }

    async fn pass(&mut self, me: &PodId) -> store::Result<bool> {
        self.mark_dead(me).await?;
        self.recover(me).await?;
        self.dead_letters.pass(me).await?;
        let now = self.core.clock.monotonic();
        if self.next_prune > now {
            return Ok(false);
        }
        let is_done = self.prune(me).await?;
        if is_done {
            self.next_prune = now + PRUNE_EVERY;
        }
        Ok(!is_done)
    }

    async fn mark_dead(&mut self, me: &PodId) -> store::Result<()> {
        let timing = self.core.timing();
        let suspects = lock(&self.core.sightings).still_for(timing.dead_pod_threshold, self.core.clock.monotonic());
        let suspects: Vec<_> = suspects.into_iter().filter(|(pod, _)| pod != me).collect();
        // After the clock stepped back even the dead look fresh: their beats are pulled to now at once, not
        // when they have been still for a threshold, for only then they begin to age.
        if suspects.is_empty() && !self.core.beats_lie_ahead() {
            return Ok(());
        }
        self.stakes.note(&suspects).await;
        let pods = self.core.store.mark_dead(&MarkDead { leader: me.clone(), suspects, timing }).await?;
        if !pods.is_empty() {
            self.core.emit(Event::MarkedDead { by: me.clone(), pods });
        }
        Ok(())
    }

    async fn recover(&mut self, me: &PodId) -> store::Result<()> {
        let call = Recover { leader: me.clone(), max_crashes: self.core.config.max_crashes, limit: RECOVER_BATCH };
        for _ in 0..RECOVER_BATCHES_MAX {
            let orphans = self.core.store.recover(&call).await?;
            let many = orphans.len();
            self.stakes.told(&orphans);
            self.note_orphans(me, orphans).await;
            if many < RECOVER_BATCH as usize {
                break;
            }
        }
        // Of an earlier rescue that was not answered: nobody else keeps its evidence.
        let untold = self.stakes.untold(me).await?;
        self.note_orphans(me, untold).await;
        Ok(())
    }

    async fn note_orphans(&self, me: &PodId, orphans: Vec<Recovered>) {
        if orphans.is_empty() {
            return;
        }
        self.dead_letters.of_orphans(me, &orphans).await;
        let woken = orphans.iter().any(|orphan| orphan.to == State::Pending);
        for orphan in orphans {
            self.core.emit(Event::Recovered {
                by: me.clone(),
                step_id: orphan.claim.step_id,
                from: orphan.pod,
                to: orphan.to,
                crash_count: orphan.crash_count,
            });
        }
        if woken {
            self.core.work.notify_one();
        }
    }

    /// Returns whether all is gone that is past its keep; else the next pass goes on.
    async fn prune(&self, me: &PodId) -> store::Result<bool> {
        let call = Prune {
            keep_completed: self.core.config.keep_completed,
            keep_failed: self.core.config.keep_failed,
            keep_pods: KEEP_PODS,
            limit: PRUNE_BATCH,
        };
        let (mut steps, mut pods, mut finished) = (0, 0, false);
        for _ in 0..PRUNE_BATCHES_MAX {
            let pruned = self.core.store.prune(&call).await?;
            steps += pruned.steps;
            pods += pruned.pods;
            finished = pruned.steps < u64::from(PRUNE_BATCH);
            if finished {
                break;
            }
        }
        if steps + pods > 0 {
            self.core.emit(Event::Pruned { by: me.clone(), steps, pods });
        }
        Ok(finished)
    }
}

/// Who is behind rests for half as long as it worked, so that what is past its keep goes as fast as it comes, and the
/// database has time for others.
fn rest_after(took: Millis) -> Millis {
    Millis(took.0 / 2).max(Millis(1))
}
