-- Open a transaction, whatever the server's or the role's defaults are, and bound its statements and pauses.
-- Nothing of it outlives the transaction. A session of our own (`own.conf`) is set for hot statements alone; these are
-- planned freely.
begin isolation level read committed read write;
set local statement_timeout = :timeout_literal;
set local idle_in_transaction_session_timeout = :timeout_literal;
set local enable_seqscan = on;
set local enable_bitmapscan = on;
set local enable_hashjoin = on;
set local enable_mergejoin = on;
set local plan_cache_mode = auto;
