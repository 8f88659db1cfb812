-- As `begin_work`, and the commit does not wait for the disk: a lost beat is followed by another, and what a lost
-- notification told of is found by polling.
begin isolation level read committed read write;
set local statement_timeout = :timeout_literal;
set local idle_in_transaction_session_timeout = :timeout_literal;
set local synchronous_commit = off;
