-- As `begin_work`, and rows are found by indexes, one after the other: right for statements that name their rows,
-- however stale the statistics are. Where few steps seem to be claimed, a join would meet each one with all the others.
begin isolation level read committed read write;
set local statement_timeout = :timeout_literal;
set local idle_in_transaction_session_timeout = :timeout_literal;
set local enable_seqscan = off;
set local enable_bitmapscan = off;
set local enable_hashjoin = off;
set local enable_mergejoin = off;
set local jit = off;
set local plan_cache_mode = auto;
