-- As `limits`, and rows are found by indexes, one after the other: right for statements that name their rows, however
-- stale the statistics are. Where few steps seem to be claimed, a join would meet each one with each of the others.
select
  set_config('statement_timeout', :statement_timeout, true),
  set_config('idle_in_transaction_session_timeout', :idle_timeout, true),
  set_config('enable_seqscan', 'off', true),
  set_config('enable_bitmapscan', 'off', true),
  set_config('enable_hashjoin', 'off', true),
  set_config('enable_mergejoin', 'off', true);
