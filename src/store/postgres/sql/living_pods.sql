-- Read every pod that is not down, oldest first.
select
  pod_id, birth_ts, last_heartbeat_ts, beating_since, status,
  coalesce(meta -> 'can_lead' <> 'false', true) as can_lead,
  coalesce(meta -> 'in_flight' < meta -> 'capacity', true) as has_room,
  coalesce(cast(hashtextextended(nullif(concat(meta ->> 'tasks', meta ->> 'queues'), ''), 0) as text), '') as serves
from /*schema*/pod_health
where kind = 'pod'
  and status <> 'down'
order by birth_ts, pod_id;
