-- Whether the claim is still held: 1 or 0.
select count(*)
from step_tracker
where step_id = :step_id
  and claim_id = :claim_id
  and status = 'claimed';
