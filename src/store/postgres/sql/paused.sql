-- The queues paused for the whole fleet.
select jsonb_array_elements_text(meta -> 'paused') collate "C" as queue
from /*schema*/pod_health
where pod_id = 'control'
  and kind = 'control'
order by queue;
