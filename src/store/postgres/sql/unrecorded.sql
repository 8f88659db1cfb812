-- Where the steps of a finish stand, and under which claim. Nothing if the finish before this one, in the same transaction,
-- recorded :expected of them: all.
select step_id, claim_id, status
from /*schema*/step_tracker
where step_id = any(:step_ids)
  and (select current_setting('fleet_q.recorded', true) is distinct from :expected);
