-- As `begin_work`, and a beat's commit does not wait for the disk: a lost beat is followed by another.
begin isolation level read committed read write;
set local statement_timeout = :timeout_literal;
set local idle_in_transaction_session_timeout = :timeout_literal;
set local synchronous_commit = off;
