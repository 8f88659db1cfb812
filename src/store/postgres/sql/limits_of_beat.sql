-- As `limits`, and a beat's commit does not wait for the disk: a lost beat is followed by another.
select
  set_config('statement_timeout', :statement_timeout, true),
  set_config('idle_in_transaction_session_timeout', :idle_timeout, true),
  set_config('synchronous_commit', 'off', true);
