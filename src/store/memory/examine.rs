//! Looks at what is in memory with a doctor's eyes. A database that is a value has no server, no file, no rights.

use std::collections::BTreeMap;

use super::{MemoryStore, Tables};
use crate::rules::diagnosis::facts::{Examination, Fact, Held, Orphans, Schema, Server, Waiting};
use crate::rules::state::State;
use crate::rules::step::PodId;
use crate::rules::time::Timestamp;
use crate::store::examine::TOLD;
use crate::store::types::{Search, Step};

impl Tables {
    pub(super) fn examine(&self) -> Examination {
        let spoken = MemoryStore::SCHEMA;
        Examination {
            server: Fact::Known(Server { version: "this process's memory".into(), ..Server::default() }),
            schema: Fact::Known(Schema {
                version: spoken.version,
                min_compatible: spoken.min_compatible,
                speaks: spoken.version,
                tables: vec!["pod_health".into(), "step_tracker".into()],
                ..Schema::default()
            }),
            orphans: Fact::Known(self.orphaned()),
            waiting: Fact::Known(self.waiting()),
            held: Fact::Known(self.held()),
            ..Examination::default()
        }
    }

    fn orphaned(&self) -> Orphans {
        let orphans: Vec<Step> = self.standing(State::Claimed).filter(|step| !self.is_held(step)).collect();
        let since = orphans.iter().filter_map(|step| self.orphaned_since(step)).min();
        Orphans { steps: orphans.len() as u64, since }
    }

    /// The last sign of life of who held it.
    fn orphaned_since(&self, step: &Step) -> Option<Timestamp> {
        let beat = step.claimed_by.as_ref().and_then(|pod| self.pods.get(pod)).map(|pod| pod.view.last_heartbeat);
        step.claimed.into_iter().chain(beat).max()
    }

    fn waiting(&self) -> Vec<Waiting> {
        let mut by_task: BTreeMap<(String, String), Waiting> = BTreeMap::new();
        for step in self.standing(State::Pending) {
            let key = (step.task.to_string(), step.queue.to_string());
            let fresh = Waiting { task: key.0.clone(), queue: key.1.clone(), steps: 0, since: step.created };
            let entry = by_task.entry(key).or_insert(fresh);
            entry.steps += 1;
            entry.since = entry.since.min(step.created);
        }
        let mut waiting: Vec<Waiting> = by_task.into_values().collect();
        waiting.sort_by(|a, b| b.steps.cmp(&a.steps).then_with(|| a.task.cmp(&b.task)));
        waiting.truncate(TOLD as usize);
        waiting
    }

    fn held(&self) -> Vec<Held> {
        let held = self.standing(State::Claimed).filter(|step| self.is_held(step));
        let mut held: Vec<Held> = held
            .map(|step| Held {
                step_id: step.step_id.to_string(),
                task: step.task.to_string(),
                pod: step.claimed_by.map(|pod| pod.to_string()).unwrap_or_default(),
                since: step.claimed.unwrap_or_default(),
            })
            .collect();
        held.sort_by(|a, b| (a.since, &a.step_id).cmp(&(b.since, &b.step_id)));
        held.truncate(TOLD as usize);
        held
    }

    fn is_held(&self, step: &Step) -> bool {
        step.claimed_by.as_ref().is_some_and(|pod: &PodId| self.is_alive(pod))
    }

    fn standing(&self, state: State) -> impl Iterator<Item = Step> {
        let filter = Search { states: vec![state], limit: u32::MAX, ..Search::default() };
        self.rows.search(&filter).into_iter()
    }
}
