-- Declare dead those suspects whose row still shows the beat the leader saw and is too old,
-- provided the leader's own row allows it. After a wait for a beat's lock, the beat is read again.
update /*schema*/pod_health as pod
set status = 'down'
from unnest(:pods, :beats) as suspect (pod_id, beat)
where pod.kind = 'pod'
  and pod.status in ('up', 'draining')
  and pod.pod_id = suspect.pod_id
  and pod.last_heartbeat_ts = suspect.beat  -- unchanged since the leader saw it
  and coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) - pod.last_heartbeat_ts > :dead_pod_threshold_ms  -- too old
  and exists (
    select 1
    from /*schema*/pod_health as leader
    where leader.pod_id = :leader
      and leader.kind = 'pod'
      and leader.status = 'up'
      and leader.last_heartbeat_ts <= coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
      and coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) - leader.last_heartbeat_ts <= :heartbeat_interval_ms * 2
      and leader.beating_since <= coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
      and coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) - leader.beating_since >= :dead_pod_threshold_ms
  )  -- the leader may
returning pod.pod_id;
