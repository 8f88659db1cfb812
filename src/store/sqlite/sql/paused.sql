-- The queues paused for the whole fleet.
select paused.value
from pod_health, json_each(pod_health.meta, '$.paused') as paused
where pod_health.pod_id = 'control'
  and pod_health.kind = 'control'
order by paused.value;
