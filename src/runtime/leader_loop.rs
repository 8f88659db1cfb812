//! What the oldest living pod does for the fleet: mark dead → recover → bury → prune.
//! Assigns no work. Two pods that both believe they lead do no harm (P13): the database decides.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::core::{Core, Phase};
use super::events::Event;
use super::lock;
use crate::rules::state::State;
use crate::rules::step::PodId;
use crate::rules::time::Millis;
use crate::store::journal::DeadLetter;
use crate::store::{self, MarkDead, Prune, Recover, Recovered};

/// Orphans per statement, and final steps deleted per statement.
const RECOVER_BATCH: u32 = 500;
const PRUNE_BATCH: u32 = 500;

/// Batches per pass; what is left waits for the next pass.
const BATCHES_MAX: usize = 100;

/// How long the row of a pod that is `down` is kept for those who look.
const KEEP_PODS: Millis = Millis(3_600_000);

pub(crate) struct LeaderLoop(pub(crate) Arc<Core>);

impl LeaderLoop {
    pub(crate) async fn run(self) {
        let mut phase = self.0.phase.subscribe();
        loop {
            tokio::select! {
                biased;
                _ = phase.wait_for(|phase| *phase == Phase::Stopped) => return,
                () = tokio::time::sleep(self.0.config.recovery_interval.as_duration()) => {}
            }
            self.tick().await;
        }
    }

    async fn tick(&self) {
        let me = self.0.id();
        if self.0.leader().as_ref() != Some(&me) || self.0.is_fenced() {
            return;
        }
        self.0.leader_pass_began.store(self.0.clock.monotonic().0.max(1), Ordering::Release);
        let pass = self.pass(&me).await;
        self.0.leader_pass_began.store(0, Ordering::Release);
        if let Err(error) = pass {
            self.0.note_store(Some(("a leader pass", &error)));
        }
    }

    async fn pass(&self, me: &PodId) -> store::Result<()> {
        self.mark_dead(me).await?;
        self.recover(me).await?;
        self.prune(me).await
    }

    async fn mark_dead(&self, me: &PodId) -> store::Result<()> {
        let timing = self.0.timing();
        let suspects = lock(&self.0.sightings).still_for(timing.dead_pod_threshold, self.0.clock.monotonic());
        let suspects: Vec<_> = suspects.into_iter().filter(|(pod, _)| pod != me).collect();
        if suspects.is_empty() {
            return Ok(());
        }
        let pods = self.0.store.mark_dead(&MarkDead { leader: me.clone(), suspects, timing }).await?;
        if !pods.is_empty() {
            self.0.emit(Event::MarkedDead { by: me.clone(), pods });
        }
        Ok(())
    }

    async fn recover(&self, me: &PodId) -> store::Result<()> {
        let call = Recover { leader: me.clone(), max_crashes: self.0.config.max_crashes, limit: RECOVER_BATCH };
        for _ in 0..BATCHES_MAX {
            let orphans = self.0.store.recover(&call).await?;
            let many = orphans.len();
            self.note_orphans(me, orphans).await;
            if many < RECOVER_BATCH as usize {
                break;
            }
        }
        Ok(())
    }

    async fn note_orphans(&self, me: &PodId, orphans: Vec<Recovered>) {
        if orphans.is_empty() {
            return;
        }
        let letters: Vec<DeadLetter> = orphans.iter().map(DeadLetter::of_orphan).collect();
        if let Err(error) = self.0.local.bury(&letters).await {
            self.0.emit(Event::JournalFailed { pod: me.clone(), message: super::error::with_causes(&error) });
        }
        let woken = orphans.iter().any(|orphan| orphan.to == State::Pending);
        for orphan in orphans {
            self.0.emit(Event::Recovered {
                by: me.clone(),
                step_id: orphan.claim.step_id,
                from: orphan.pod,
                to: orphan.to,
                crash_count: orphan.crash_count,
            });
        }
        if woken {
            self.0.work.notify_one();
        }
    }

    async fn prune(&self, me: &PodId) -> store::Result<()> {
        let call = Prune {
            keep_completed: self.0.config.keep_completed,
            keep_failed: self.0.config.keep_failed,
            keep_pods: KEEP_PODS,
            limit: PRUNE_BATCH,
        };
        let (mut steps, mut pods) = (0, 0);
        for _ in 0..BATCHES_MAX {
            let pruned = self.0.store.prune(&call).await?;
            steps += pruned.steps;
            pods += pruned.pods;
            if pruned.steps < u64::from(PRUNE_BATCH) {
                break;
            }
        }
        if steps + pods > 0 {
            self.0.emit(Event::Pruned { by: me.clone(), steps, pods });
        }
        Ok(())
    }
}
