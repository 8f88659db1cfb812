-- Declare dead those suspects whose row still shows the beat the leader saw and is too old,
-- provided the leader's own row allows it.
update pod_health
set status = 'down'
where kind = 'pod'
  and status in ('up', 'draining')
  and coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) - last_heartbeat_ts > :dead_pod_threshold_ms  -- too old
  and exists (
    select 1
    from json_each(:suspects) as suspect
    where suspect.value ->> '$[0]' = pod_health.pod_id
      and suspect.value ->> '$[1]' = pod_health.last_heartbeat_ts
  )  -- unchanged since the leader saw it
  and exists (
    select 1
    from pod_health as leader
    where leader.pod_id = :leader
      and leader.kind = 'pod'
      and leader.status = 'up'
      and leader.last_heartbeat_ts <= coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
      and coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) - leader.last_heartbeat_ts <= :heartbeat_interval_ms * 2
      and leader.beating_since <= coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
      and coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) - leader.beating_since >= :dead_pod_threshold_ms
  )  -- the leader may
returning pod_id;
