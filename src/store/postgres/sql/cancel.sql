-- Cancel steps that have not begun. Locks in step_id order.
with named as materialized (
  select step_id
  from /*schema*/step_tracker
  where step_id = any(:step_ids)
    and status in ('pending', 'scheduled', 'blocked', 'claimed')
  order by step_id
  for update
)
update /*schema*/step_tracker
set status = 'cancelled',
    claimed_by = null,
    claim_id = null,
    claimed_ts = null,
    finished_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)),
    last_update_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
from named
where named.step_id = step_tracker.step_id
  and step_tracker.status in ('pending', 'scheduled', 'blocked')  -- precondition
returning step_tracker.step_id;
