-- Delete failed steps; those that stand elsewhere stay. Locks in step_id order.
with named as materialized (
  select step_id
  from /*schema*/step_tracker
  where step_id = any(:step_ids)
    and status = 'failed'
  order by step_id
  for update
)
delete from /*schema*/step_tracker
using named
where named.step_id = step_tracker.step_id
  and step_tracker.status = 'failed'  -- precondition
returning step_tracker.step_id;
