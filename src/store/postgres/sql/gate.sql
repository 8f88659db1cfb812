-- Wait until a pod may claim, of whom two do at a time, :lane 0 and 1: more would only walk past what the others hold.
-- The lock goes with the transaction. Who waits for long is turned away, and claims without it.
-- Says last how long the call has taken so far, which is no part of what its look will cost.
select
  set_config('lock_timeout', '500ms', true),
  pg_advisory_xact_lock(7381240360074215424 + cast(fleet.tableoid as bigint) * 4 + cast(:lane as bigint)),  -- "fleet…"
  set_config('lock_timeout', fleet.lock_timeout, true),
  coalesce(:now, cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)) - coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as waited_ms
from (
  select tableoid, current_setting('lock_timeout') as lock_timeout
  from /*schema*/pod_health
  where pod_id = 'control'
    and kind = 'control'
  offset 0
) as fleet;
