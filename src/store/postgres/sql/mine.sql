-- Every step the pod holds.
select step_id, claim_id
from /*schema*/step_tracker
where status = 'claimed'
  and claimed_by = :pod
order by step_id;
