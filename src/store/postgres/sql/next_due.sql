-- When the next step that is not yet due will be, and since when the longest due one is; null without one.
-- With the clock at the call's begin, how long the call has taken so far, and whether the pod's row is there and not down.
select
  exists (select 1 from /*schema*/pod_health where pod_id = :pod and kind = 'pod' and status <> 'down') as alive,
  (
    select min(available_ts)
    from /*schema*/step_tracker
    where status = 'scheduled'
      and available_ts > coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
  ) as next_due,
  (
    select min(available_ts)
    from /*schema*/step_tracker
    where status = 'scheduled'
      and available_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :due_from and :due_until then :due_floor else -4611686018427387904 end
  ) as due_front,
  coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as now,
  coalesce(:now, cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)) - coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as spent_ms;
