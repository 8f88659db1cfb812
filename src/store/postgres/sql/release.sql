-- Give claims back unspent, or cancel the steps where that was requested. Leaves no receipt. Locks in step_id order.
with said as materialized (
  select step_id, claim_id
  from unnest(:step_ids, :claim_ids) as said (step_id, claim_id)
  -- Always so. The planner takes it for rare, and begins with these rows: however few steps seem to be claimed to it,
  -- none of those is held against each of these.
  where coalesce(step_id, '00000000-0000-0000-0000-000000000000') = step_id
    and coalesce(claim_id, '00000000-0000-0000-0000-000000000000') = claim_id
),
held as materialized (
  select step_tracker.step_id, step_tracker.claim_id
  from /*schema*/step_tracker
  join said on said.step_id = step_tracker.step_id
    and said.claim_id = step_tracker.claim_id
  where step_tracker.status = 'claimed'
  order by step_tracker.step_id
  for update of step_tracker
)
update /*schema*/step_tracker
set status = case when cancel_requested then 'cancelled' else 'pending' end,
    claimed_by = null,
    claim_id = null,
    claimed_ts = null,
    finished_ts = case when cancel_requested then (select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))) end,
    last_update_ts = (select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)))
from held
where held.step_id = step_tracker.step_id
  and step_tracker.claim_id = held.claim_id  -- fence
  and step_tracker.status = 'claimed'  -- fence
returning step_tracker.step_id;
