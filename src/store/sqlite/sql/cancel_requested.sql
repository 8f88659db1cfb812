-- Claims of the pod whose cancellation is requested.
select step_id, claim_id
from step_tracker
where status = 'claimed'
  and claimed_by = :pod
  and cancel_requested <> 0
order by step_id;
