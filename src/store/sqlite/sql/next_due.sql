-- When the next step that is not yet due will be; null without one.
select min(available_ts)
from step_tracker
where status = 'scheduled'
  and available_ts > coalesce(:now, cast(unixepoch('subsec') * 1000 as integer));
