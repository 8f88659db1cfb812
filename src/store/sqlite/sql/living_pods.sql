-- Read every pod that is not down, oldest first.
select
  pod_id, birth_ts, last_heartbeat_ts, beating_since, status,
  case when json_valid(meta) then coalesce(json_extract(meta, '$.can_lead'), 1) else 0 end as can_lead
from pod_health
where kind = 'pod'
  and status <> 'down'
order by birth_ts, pod_id;
