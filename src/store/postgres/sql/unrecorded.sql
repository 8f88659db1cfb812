-- Where the steps of the finish before this stand, and under which claim, unless it recorded :expected of them: all.
select step_id, claim_id, status
from /*schema*/step_tracker
where step_id = any(:step_ids)
  and (select current_setting('fleet_q.recorded') <> :expected);
