-- The steps that living pods hold, longest claimed first.
select step_tracker.step_id, step_tracker.task, step_tracker.claimed_by, step_tracker.claimed_ts
from /*schema*/step_tracker
join /*schema*/pod_health on pod_health.pod_id = step_tracker.claimed_by
where step_tracker.status = 'claimed'
  and step_tracker.queue <> ''  -- names the index
  and pod_health.kind = 'pod'
  and pod_health.status <> 'down'
  and step_tracker.claimed_ts is not null
order by step_tracker.claimed_ts, step_tracker.step_id
limit :told_literal;
