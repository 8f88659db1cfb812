//! Acts. The loops of a pod and the client, over `dyn Store`, `Local`, `Clock`, `Draws`, `Handler`
//! and one `Event` broadcast. Refuses SQL and Python.

pub mod clock;
pub mod error;
pub mod events;
pub mod handler;

pub use error::ClientError;
