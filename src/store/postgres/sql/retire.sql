-- Mark a pod's own row down at the end of its life.
update /*schema*/pod_health
set status = 'down'
where pod_id = :pod
  and kind = 'pod';
