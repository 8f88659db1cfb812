-- As `begin_work`, for a transaction that only reads, which a standby allows too.
begin isolation level read committed read only;
set local statement_timeout = :timeout_literal;
set local idle_in_transaction_session_timeout = :timeout_literal;
set local enable_seqscan = on;
set local enable_bitmapscan = on;
set local enable_hashjoin = on;
set local enable_mergejoin = on;
set local plan_cache_mode = auto;
