//! What every store must do: cases that know no dialect, stamped out once per store.

macro_rules! for_each_store {
    ($($case:ident),+ $(,)?) => {
        mod on_memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(&crate::conformance::bed::memory().await).await;
            })+
        }
        #[cfg(feature = "sqlite")]
        mod on_sqlite {
            $(#[tokio::test]
            async fn $case() {
                super::$case(&crate::conformance::bed::sqlite().await).await;
            })+
        }
        #[cfg(feature = "postgres")]
        mod on_postgres {
            $(#[tokio::test]
            async fn $case() {
                if let Some(bed) = crate::conformance::bed::postgres().await {
                    super::$case(&bed).await;
                }
            })+
        }
    };
}

pub mod bed;
mod cancel;
mod claims;
mod crowd;
mod enqueue;
mod examine;
mod failures;
mod fences;
pub mod fixtures;
mod hand_off;
mod journal;
pub mod life;
mod order;
mod pods;
mod replay;
mod rescue;
mod search;
mod transitions;
mod upkeep;
