-- List up to :limit steps that are due but still scheduled, because promotion met its bound, in claim order (P9).
select rowid, priority, created_ts, step_id
from step_tracker
where status = 'scheduled'
  and available_ts <= coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
  and crash_count < :max_crashes
  and task in (select value from json_each(:tasks))
  and (:only is null or queue in (select value from json_each(:only)))
  and queue not in (select value from json_each(:except))
order by priority desc, created_ts, step_id
limit :limit;
