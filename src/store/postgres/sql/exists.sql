-- Which of these steps are stored.
select step_id
from /*schema*/step_tracker
where step_id = any(:step_ids);
