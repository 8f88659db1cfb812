-- List up to :limit pending steps of any queue but :except, in claim order (P9). Sorts nothing.
select rowid, priority, created_ts, step_id
from step_tracker indexed by step_due
where status = 'pending'
  and crash_count < :max_crashes
  and task in (select value from json_each(:tasks))
  and queue not in (select value from json_each(:except))
order by priority desc, created_ts, step_id
limit :limit;
