-- Whether the step shows this claim as ended: 1 means the same write was recorded before.
select count(*)
from step_tracker
where step_id = :step_id
  and claim_id = :claim_id
  and status <> 'claimed';
