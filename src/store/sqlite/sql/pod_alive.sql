-- Whether the pod's row is there and not down: 1 or 0.
select count(*)
from pod_health
where pod_id = :pod
  and kind = 'pod'
  and status <> 'down';
