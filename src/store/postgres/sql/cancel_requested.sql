-- Claims of the pod whose cancellation is requested.
select step_id, claim_id
from /*schema*/step_tracker
where status = 'claimed'
  and claimed_by = :pod
  and cancel_requested
order by step_id;
