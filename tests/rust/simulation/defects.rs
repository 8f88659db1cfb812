//! Defects planted on purpose, one at a time: the checker must find each.

use std::sync::Arc;

use async_trait::async_trait;
use fleet_q::rules::step::Claim;
use fleet_q::rules::time::Timestamp;
use fleet_q::store::journal::{DeadLetter, Local, Owed};
use fleet_q::store::memory::MemoryLocal;
use fleet_q::store::{Cycle, Result};

use super::checker::Checker;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    None,
    /// A late writer is let through: it names whatever claim is live.
    FenceRemoved,
    /// A pod never learns of rows it does not know it holds.
    ReconciliationRemoved,
    /// Outcomes that the store did not take are dropped.
    JournalRemoved,
}

impl Defect {
    pub fn tamper(self, call: &Cycle, checker: &Checker) -> Cycle {
        let mut call = call.clone();
        if self == Self::FenceRemoved {
            for finish in &mut call.finishes {
                finish.claim.claim_id = checker.holder(finish.claim.step_id).unwrap_or(finish.claim.claim_id);
            }
        }
        call
    }

    pub fn hide_strangers(self, mut mine: Vec<Claim>, checker: &Checker) -> Vec<Claim> {
        if self == Self::ReconciliationRemoved {
            mine.retain(|claim| checker.was_delivered(*claim));
        }
        mine
    }

    pub fn local(self) -> Arc<dyn Local> {
        match self {
            Self::JournalRemoved => Arc::new(Forgetful),
            Self::None | Self::FenceRemoved | Self::ReconciliationRemoved => Arc::new(MemoryLocal::default()),
        }
    }
}

/// A journal that keeps nothing.
#[derive(Debug)]
struct Forgetful;

#[async_trait]
impl Local for Forgetful {
    async fn put(&self, _: &[Owed]) -> Result<()> {
        Ok(())
    }

    async fn owed(&self, _: u32) -> Result<Vec<Owed>> {
        Ok(Vec::new())
    }

    async fn delivered(&self, _: &[Claim]) -> Result<()> {
        Ok(())
    }

    async fn depth(&self) -> Result<u64> {
        Ok(0)
    }

    async fn adopt(&self) -> Result<u64> {
        Ok(0)
    }

    async fn bury(&self, _: &[DeadLetter]) -> Result<()> {
        Ok(())
    }

    async fn buried(&self, _: u32) -> Result<Vec<DeadLetter>> {
        Ok(Vec::new())
    }

    async fn failures_seen(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    async fn saw_failures(&self, _: Timestamp) -> Result<()> {
        Ok(())
    }

    async fn close(&self) {}
}
