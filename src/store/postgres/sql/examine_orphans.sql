-- Count claimed steps whose pod has no row that holds claims, and tell since when the oldest waits.
select
  count(*) as steps,
  min(greatest(step_tracker.claimed_ts, pod_health.last_heartbeat_ts)) as since
from /*schema*/step_tracker
left join /*schema*/pod_health on pod_health.pod_id = step_tracker.claimed_by
where step_tracker.status = 'claimed'
  and step_tracker.queue <> ''  -- names the index
  and not coalesce(pod_health.kind = 'pod' and pod_health.status <> 'down', false);
