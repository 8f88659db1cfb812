-- Record outcomes. Only the holder of a claim can; the claim_id stays as its receipt.
with said as materialized (
  select step_id, claim_id, kind, result, content_type, cast(error as jsonb) as error, delay_ms, max_crashes
  from unnest(:step_ids, :claim_ids, :kinds, :results, :content_types, :errors, :delays, :max_crashes)
    as said (step_id, claim_id, kind, result, content_type, error, delay_ms, max_crashes)
  -- Always so. The planner takes it for rare, and begins with these rows: however few steps seem to be claimed to it,
  -- none of those is held against each of these.
  where coalesce(step_id, '00000000-0000-0000-0000-000000000000') = step_id
    and coalesce(claim_id, '00000000-0000-0000-0000-000000000000') = claim_id
),
ended as (
  update /*schema*/step_tracker
  set status = case
        when said.kind = 'complete' then 'completed'
        when said.kind = 'fail' then 'failed'
        when said.kind = 'cancel' or cancel_requested then 'cancelled'
        when said.kind = 'crash' and crash_count >= said.max_crashes then 'failed'
        when said.kind = 'crash' then 'pending'
        else 'scheduled'
      end,
      retry_count = retry_count + case when said.kind = 'retry' then 1 else 0 end,
      crash_count = crash_count + case when said.kind = 'crash' then 1 else 0 end,
      result = case when said.kind = 'complete' then said.result else step_tracker.result end,
      result_content_type = case when said.kind = 'complete' then said.content_type else result_content_type end,
      error = case when said.error is null then step_tracker.error else case
          when jsonb_typeof(step_tracker.error) = 'array' and jsonb_array_length(step_tracker.error) >= :errors_kept then step_tracker.error - 1
          when jsonb_typeof(step_tracker.error) = 'array' then step_tracker.error
          else '[]'
        end || jsonb_build_array(said.error || jsonb_build_object('ts', (select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))))) end,
      available_ts = case
        when said.kind in ('retry', 'snooze') then coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) + least(said.delay_ms, 9223372036854775807 - coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)))
        else available_ts
      end,
      finished_ts = case
        when said.kind in ('complete', 'fail', 'cancel')
          or cancel_requested
          or said.kind = 'crash' and crash_count >= said.max_crashes
          then (select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)))
      end,
      last_update_ts = (select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)))
  from said
  where said.step_id = step_tracker.step_id
    and step_tracker.claim_id = said.claim_id  -- fence
    and step_tracker.status = 'claimed'  -- fence
  returning step_tracker.step_id
)
select
  array_agg(step_id) as recorded,
  set_config('fleet_q.recorded', cast(count(*) as text), true)  -- for `unrecorded`
from ended;
