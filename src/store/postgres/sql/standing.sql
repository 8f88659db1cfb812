-- Where steps stand, under which claim, and with which unique key.
select step_id, claim_id, status, unique_key
from /*schema*/step_tracker
where step_id = any(:step_ids);
