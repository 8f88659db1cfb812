-- Whether a step with this id is stored: 1 or 0.
select count(*)
from step_tracker
where step_id = :step_id;
