//! A pod's journal and dead letters, in memory: kept in order, once per claim, bounded.

use fleet_q::rules::time::Timestamp;
use fleet_q::store::Finish;
use fleet_q::store::journal::{DLQ_KEPT, DeadLetter, LetterKind, Local, Owed};
use fleet_q::store::memory::MemoryLocal;

use super::fixtures::{claim, complete, fail, id};

fn owed(n: u64) -> Owed {
    Owed { pod: "a-00000001".into(), finish: Finish { claim: claim(n, 1), outcome: complete() } }
}

fn letter(n: u64) -> DeadLetter {
    DeadLetter {
        step_id: id(n),
        task: "work".into(),
        kind: LetterKind::Failure,
        mark: n.to_string(),
        at: Timestamp(i64::try_from(n).unwrap()),
        evidence: format!("{{\"n\":{n}}}"),
    }
}

#[tokio::test]
async fn outcomes_are_owed_in_order_until_delivered() {
    let journal = MemoryLocal::new();
    journal.put(&[owed(3), owed(1), owed(2)]).await.unwrap();
    assert_eq!(journal.owed(2).await.unwrap(), [owed(3), owed(1)]);
    journal.delivered(&[claim(3, 1), claim(9, 9)]).await.unwrap();
    assert_eq!(journal.owed(9).await.unwrap(), [owed(1), owed(2)]);
    assert_eq!((journal.depth().await.unwrap(), journal.adopt().await.unwrap()), (2, 0));
}

#[tokio::test]
async fn first_outcome_of_a_claim_stands() {
    let journal = MemoryLocal::new();
    let other = Owed { finish: Finish { outcome: fail(), ..owed(1).finish }, ..owed(1) };
    journal.put(&[owed(1), other]).await.unwrap();
    assert_eq!(journal.owed(9).await.unwrap(), [owed(1)]);
}

#[tokio::test]
async fn newest_dead_letters_are_kept() {
    let journal = MemoryLocal::new();
    let letters: Vec<DeadLetter> = (1..=u64::from(DLQ_KEPT) + 1).map(letter).collect();
    journal.bury(&letters).await.unwrap();
    let kept = journal.buried(u32::MAX).await.unwrap();
    assert_eq!(kept.len(), DLQ_KEPT as usize);
    assert_eq!(kept[..2], [letter(u64::from(DLQ_KEPT) + 1), letter(u64::from(DLQ_KEPT))]);
}

/// P13: a leader that looks again, or adopts what another one kept, has each letter once.
#[tokio::test]
async fn p13_a_dead_letter_that_comes_again_is_kept_once() {
    let journal = MemoryLocal::new();
    let again = DeadLetter { mark: "later".into(), at: Timestamp(9), ..letter(1) };
    journal.bury(&[letter(2), letter(1)]).await.unwrap();
    journal.bury(&[letter(1), again.clone(), letter(2)]).await.unwrap();
    assert_eq!(journal.buried(9).await.unwrap(), [again, letter(2), letter(1)]);
}
