-- Store new steps as claimed by :pod, where nobody in their queue has the turn before them; the others as `enqueue` does.
-- Nobody: no pending or due step of the same queue at or above the priority, in the table or earlier in the batch.
-- Asked once per queue and priority; steps that are pending since they were stored, from the floors on (:at, :since).
with clock as materialized (
  select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as now
),
said as materialized (
  select
    said.*,
    clock.now,
    greatest(clock.now, coalesce(moment, clock.now + least(delay_ms, 9223372036854775807 - clock.now))) as available_ts
  from clock
  cross join unnest(
      :step_ids, :tasks, :queues, :priorities, :payloads, :content_types, :max_retries,
      :moments, :delays, :timeouts, :unique_keys, :tags
    ) with ordinality as said (step_id, task, queue, priority, payload, content_type, max_retries, moment, delay_ms, timeout_ms, unique_key, tags, place)
),
fresh as materialized (
  select
    said.*,
    said.available_ts <= said.now as due,
    said.task = any(:offered_tasks) as known
  from said
  where not exists (select 1 from /*schema*/step_tracker where step_tracker.step_id = said.step_id)
    and not exists (
      select 1
      from /*schema*/step_tracker
      where step_tracker.unique_key = said.unique_key
        and step_tracker.status in ('blocked', 'scheduled', 'pending', 'claimed')
    )
),
paused as materialized (
  select jsonb_array_elements_text(meta -> 'paused') as queue
  from /*schema*/pod_health
  where pod_id = 'control'
    and kind = 'control'
),
turn as materialized (
  select queue, priority
  from fresh
  where due
    and known
    and queue not in (select queue from paused)
  group by queue, priority
),
ahead as materialized (
  select
    turn.queue,
    turn.priority,
    exists (
      select 1
      from unnest(:span_queues, :below, :at, :since) as span (queue, below, at, since)
      cross join lateral (
        select *
        from (
          select 1 as one
          from /*schema*/step_tracker
          where status = 'pending'
            and last_update_ts = created_ts
            and step_tracker.queue = turn.queue
            and step_tracker.priority < span.below
            and step_tracker.priority > span.at
            and step_tracker.priority >= turn.priority
          limit 1
        ) as between_floors
        union all
        select *
        from (
          select 1 as one
          from /*schema*/step_tracker
          where status = 'pending'
            and last_update_ts = created_ts
            and step_tracker.queue = turn.queue
            and step_tracker.priority = span.at
            and span.at >= turn.priority
            and created_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :trusted_from and :trusted_until then span.since else -4611686018427387904 end
          limit 1
        ) as from_floor
      ) as waiting
      where span.queue = turn.queue
    )
    or exists (
      select 1
      from /*schema*/step_tracker
      where status = 'pending'
        and last_update_ts <> created_ts
        and step_tracker.queue = turn.queue
        and step_tracker.priority >= turn.priority
    )
    or exists (
      select 1
      from /*schema*/step_tracker
      where status = 'scheduled'
        and available_ts <= coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
        and available_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :due_from and :due_until then :due_floor else -4611686018427387904 end
        and step_tracker.queue = turn.queue
        and step_tracker.priority >= turn.priority
    ) as waits
  from turn
),
judged as (
  select
    fresh.*,
    exists (select 1 from /*schema*/pod_health where pod_id = :pod and kind = 'pod' and status <> 'down')  -- pod alive
      and ahead.waits is false  -- due, known, not paused, and nobody waits before it
      and fresh.priority > coalesce(
        max(fresh.priority) filter (where due and not known)
          over (partition by fresh.queue order by place rows between unbounded preceding and 1 preceding),
        -2147483649
      )  -- nobody earlier in the batch waits before it
      as may
  from fresh
  left join ahead on due
    and known
    and ahead.queue = fresh.queue
    and ahead.priority = fresh.priority
),
placed as (
  select
    judged.*,
    may and row_number() over (partition by may order by place) <= :slots - (
      select count(*)
      from /*schema*/step_tracker
      where step_tracker.status = 'claimed'
        and step_tracker.claimed_by = :pod
        and step_tracker.queue <> ''  -- names the index
        and step_tracker.claimed_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
        and step_tracker.claim_id = :claim_id
    ) as handed
  from judged
)
insert into /*schema*/step_tracker (
  step_id, task, queue, status, priority, payload, content_type, max_retries,
  created_ts, available_ts, last_update_ts, timeout_ms, unique_key, tags, claimed_by, claim_id, claimed_ts
)
select
  step_id,
  task,
  queue,
  case when handed then 'claimed' when due then 'pending' else 'scheduled' end,
  priority,
  payload,
  content_type,
  max_retries,
  now,
  available_ts,
  now,
  timeout_ms,
  unique_key,
  cast(tags as jsonb),
  case when handed then :pod end,
  case when handed then :claim_id end,
  case when handed then now end
from placed
order by step_id
on conflict do nothing
returning step_id, status;
