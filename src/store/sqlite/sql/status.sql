-- Where a step stands, and its unique key.
select status, unique_key
from step_tracker
where step_id = :step_id;
