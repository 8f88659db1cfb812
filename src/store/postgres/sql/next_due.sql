-- When the next step that is not yet due will be; null without one.
select min(available_ts) as next_due
from /*schema*/step_tracker
where status = 'scheduled'
  and available_ts > coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint));
