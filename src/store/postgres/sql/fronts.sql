-- Where each of the asked priorities, over all queues but :except or in one, has its first step that is pending since
-- it was stored and of one of :tasks (null: of any).
-- Locks nothing: a step that another transaction is claiming still counts as waiting.
select
  asked.place,
  case
    when asked.queue is null then (
      select created_ts
      from /*schema*/step_tracker
      where status = 'pending'
        and last_update_ts = created_ts
        and queue <> ''  -- names the index
        and priority = asked.at
        and created_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :trusted_from and :trusted_until then asked.since else -4611686018427387904 end
        and queue <> all(:except)
        and (cast(:tasks as text[]) is null or task = any(:tasks))
      order by priority desc, created_ts, step_id
      limit 1
    )
    else (
      select created_ts
      from /*schema*/step_tracker
      where status = 'pending'
        and last_update_ts = created_ts
        and queue = asked.queue
        and priority = asked.at
        and created_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :trusted_from and :trusted_until then asked.since else -4611686018427387904 end
        and (cast(:tasks as text[]) is null or task = any(:tasks))
      order by priority desc, created_ts, step_id
      limit 1
    )
  end as front
from unnest(:queues, :at, :since) with ordinality as asked (queue, at, since, place)
order by asked.place;
