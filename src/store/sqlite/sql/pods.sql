-- Read every pod, oldest first.
select
  pod_id, birth_ts, last_heartbeat_ts, beating_since, status,
  case when json_valid(meta) then coalesce(json_extract(meta, '$.can_lead'), 1) else 0 end as can_lead,
  case when json_valid(meta) then coalesce(json_extract(meta, '$.in_flight') < json_extract(meta, '$.capacity'), 1) else 1 end as has_room,
  case
    when json_valid(meta) then coalesce(json_extract(meta, '$.tasks'), '') || coalesce(json_extract(meta, '$.queues'), '')
    else ''
  end as serves,
  case when json_valid(meta) then json_remove(meta, '$.can_lead') else '{}' end as meta
from pod_health
where kind = 'pod'
order by birth_ts, pod_id;
