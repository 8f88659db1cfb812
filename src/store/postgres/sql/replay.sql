-- Put failed steps back to pending, counters at zero, history kept, where no live step carries the unique key.
-- Of several with the same key the first named goes. Locks in step_id order.
with said as materialized (
  select step_id, place
  from unnest(:step_ids) with ordinality as said (step_id, place)
),
failed as materialized (
  select step_tracker.step_id, step_tracker.unique_key, said.place
  from /*schema*/step_tracker
  join said on said.step_id = step_tracker.step_id
  where step_tracker.status = 'failed'
  order by step_tracker.step_id
  for update of step_tracker
),
free as materialized (
  select
    failed.step_id,
    row_number() over (partition by coalesce(failed.unique_key, cast(failed.step_id as text)), failed.unique_key is null order by failed.place) as turn
  from failed
  where not exists (
    select 1
    from /*schema*/step_tracker as twin
    where twin.unique_key = failed.unique_key
      and twin.status in ('blocked', 'scheduled', 'pending', 'claimed')
  )
)
update /*schema*/step_tracker
set status = 'pending',
    retry_count = 0,
    crash_count = 0,
    claimed_by = null,
    claim_id = null,
    claimed_ts = null,
    finished_ts = null,
    result = null,
    result_content_type = null,
    progress = null,
    cancel_requested = false,
    available_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)),
    last_update_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
from free
where free.step_id = step_tracker.step_id
  and free.turn = 1
  and step_tracker.status = 'failed'  -- precondition
returning step_tracker.step_id;
