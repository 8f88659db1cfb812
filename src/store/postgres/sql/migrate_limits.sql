-- Bound how long a migration waits for a lock, works at one statement, and may fall silent while it holds locks.
-- Where the server can (Postgres 14 on Linux), a statement whose client is gone ends with it.
select
  set_config('lock_timeout', :lock_timeout, true),
  set_config('statement_timeout', :statement_timeout, true),
  set_config('idle_in_transaction_session_timeout', :idle_timeout, true),
  (
    select set_config(name, '1s', true)
    from pg_settings
    where name = 'client_connection_check_interval' and version() like '%linux%'
  );
