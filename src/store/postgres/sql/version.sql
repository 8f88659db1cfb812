-- The schema version at this moment, from the comment on STEP_TRACKER; null where there is no table.
-- Reads the catalog, not only what this connection remembers of it from before it waited for a lock.
select
  obj_description(step_tracker.oid, 'pg_class') as version,
  step_tracker.oid is not null as found
from (values (true)) as one (row)
left join pg_class as step_tracker on step_tracker.oid = to_regclass(:step_tracker);
