//! A pod's journal and dead letters in memory, for simulations and `memory://`.
//! Refuses to survive its process: there is nobody whose journal it could adopt.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;

use crate::rules::step::{Claim, StepId};
use crate::rules::time::Timestamp;
use crate::store::error::Result;
use crate::store::journal::{DLQ_KEPT, DeadLetter, LetterKind, Local, Owed};

#[derive(Debug, Default)]
pub struct MemoryLocal(Mutex<Tables>);

#[derive(Debug, Default)]
struct Tables {
    /// By the order in which they were put.
    owed: BTreeMap<u64, Owed>,
    places: BTreeMap<Claim, u64>,
    next_place: u64,
    /// By their moment, then by the order in which they came.
    letters: BTreeMap<(Timestamp, u64), DeadLetter>,
    letters_known: BTreeSet<LetterKey>,
    letters_buried: u64,
    failures_seen: Option<Timestamp>,
}

type LetterKey = (StepId, LetterKind, String);

impl MemoryLocal {
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().expect("no call panics while it holds the tables")
    }
}

#[async_trait]
impl Local for MemoryLocal {
    async fn put(&self, owed: &[Owed]) -> Result<()> {
        let mut tables = self.tables();
        for owed in owed {
            tables.put(owed);
        }
        Ok(())
    }

    async fn owed(&self, limit: u32) -> Result<Vec<Owed>> {
        Ok(self.tables().owed.values().take(limit as usize).cloned().collect())
    }

    async fn delivered(&self, claims: &[Claim]) -> Result<()> {
        let mut tables = self.tables();
        for claim in claims {
            if let Some(place) = tables.places.remove(claim) {
                tables.owed.remove(&place);
            }
        }
        Ok(())
    }

    async fn depth(&self) -> Result<u64> {
        Ok(self.tables().owed.len() as u64)
    }

    async fn adopt(&self) -> Result<u64> {
        Ok(0)
    }

    async fn bury(&self, letters: &[DeadLetter]) -> Result<()> {
        let mut tables = self.tables();
        for letter in letters {
            tables.bury(letter);
        }
        Ok(())
    }

    async fn buried(&self, limit: u32) -> Result<Vec<DeadLetter>> {
        Ok(self.tables().letters.values().rev().take(limit as usize).cloned().collect())
    }

    async fn failures_seen(&self) -> Result<Option<Timestamp>> {
        Ok(self.tables().failures_seen)
    }

    async fn saw_failures(&self, until: Timestamp) -> Result<()> {
        self.tables().failures_seen = Some(until);
        Ok(())
    }

    async fn close(&self) {}
}

impl Tables {
    /// The first outcome of a claim stands: a body ends once.
    fn put(&mut self, owed: &Owed) {
        let place = self.next_place;
        if *self.places.entry(owed.finish.claim).or_insert(place) == place {
            self.owed.insert(place, owed.clone());
            self.next_place += 1;
        }
    }

    fn bury(&mut self, letter: &DeadLetter) {
        if !self.letters_known.insert(key(letter)) {
            return;
        }
        self.letters.insert((letter.at, self.letters_buried), letter.clone());
        self.letters_buried += 1;
        if self.letters.len() > DLQ_KEPT as usize
            && let Some((_, oldest)) = self.letters.pop_first()
        {
            self.letters_known.remove(&key(&oldest));
        }
    }
}

fn key(letter: &DeadLetter) -> LetterKey {
    (letter.step_id, letter.kind, letter.mark.clone())
}
