-- List up to :limit pending steps that crashed :max_crashes times or more, in claim order (P9, P14).
select rowid, priority, created_ts, step_id
from step_tracker indexed by step_crashed
where status = 'pending'
  and crash_count > 0
  and crash_count >= :max_crashes
  and task in (select value from json_each(:tasks))
  and (:only is null or queue in (select value from json_each(:only)))
  and queue not in (select value from json_each(:except))
order by priority desc, created_ts, step_id
limit :limit;
