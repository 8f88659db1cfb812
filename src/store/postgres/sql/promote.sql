-- Make up to :most scheduled steps that are due pending, longest due first. Waits for nobody.
with due as materialized (
  select step_id
  from /*schema*/step_tracker
  where status = 'scheduled'
    and available_ts <= coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
    and available_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :due_from and :due_until then :due_floor else -4611686018427387904 end
  order by available_ts
  limit :most
  for update skip locked
)
update /*schema*/step_tracker
set status = 'pending',
    last_update_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
from due
where due.step_id = step_tracker.step_id
  and step_tracker.status = 'scheduled';  -- precondition
