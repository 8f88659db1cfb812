-- Read every pod, oldest first.
select
  pod_id, birth_ts, last_heartbeat_ts, beating_since, status,
  coalesce(meta -> 'can_lead' <> 'false', true) as can_lead,
  coalesce(meta -> 'in_flight' < meta -> 'capacity', true) as has_room,
  coalesce(cast(hashtextextended(nullif(concat(meta ->> 'tasks', meta ->> 'queues'), ''), 0) as text), '') as serves,
  cast(meta - 'can_lead' as text) as meta
from /*schema*/pod_health
where kind = 'pod'
order by birth_ts, pod_id;
