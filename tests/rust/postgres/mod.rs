//! What Postgres alone can show: the server the cases run on, and later its plans and poolers.

pub mod server;
