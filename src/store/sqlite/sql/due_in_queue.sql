-- List up to :limit pending steps of one queue, in claim order (P9). Sorts nothing.
select rowid, priority, created_ts, step_id
from step_tracker indexed by step_due_in_queue
where status = 'pending'
  and queue = :queue
  and crash_count < :max_crashes
  and task in (select value from json_each(:tasks))
order by priority desc, created_ts, step_id
limit :limit;
