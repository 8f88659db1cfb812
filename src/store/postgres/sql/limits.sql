-- Bound the transaction's statements and pauses; nothing of it outlives the transaction.
select
  set_config('statement_timeout', :statement_timeout, true),
  set_config('idle_in_transaction_session_timeout', :idle_timeout, true);
