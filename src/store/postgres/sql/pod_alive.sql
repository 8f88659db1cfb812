-- Whether the pod's row is there and not down, and the database's clock.
select
  exists (select 1 from /*schema*/pod_health where pod_id = :pod and kind = 'pod' and status <> 'down') as alive,
  coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as now;
