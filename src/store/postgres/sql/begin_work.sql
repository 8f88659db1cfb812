-- Open a transaction, whatever the server's or the role's defaults are, and bound its statements and pauses.
-- Nothing of it outlives the transaction.
begin isolation level read committed read write;
set local statement_timeout = :timeout_literal;
set local idle_in_transaction_session_timeout = :timeout_literal;
