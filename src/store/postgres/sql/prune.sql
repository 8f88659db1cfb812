-- Delete up to :limit_literal final steps past their keep, the longest ended first. Waits for nobody.
-- What ended before the floors was deleted before.
with completed as materialized (
    (
      select step_id, finished_ts
      from /*schema*/step_tracker
      where status = 'completed'
        and finished_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :trusted_from and :trusted_until then :completed_floor else -4611686018427387904 end
        and finished_ts < coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) - :keep_completed_ms
      order by finished_ts, step_id
      limit :limit_literal
      for update skip locked
    )
),
failed as materialized (
    (
      select step_id, finished_ts
      from /*schema*/step_tracker
      where status = 'failed'
        and finished_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :trusted_from and :trusted_until then :failed_floor else -4611686018427387904 end
        and finished_ts < coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) - :keep_failed_ms
      order by finished_ts, step_id
      limit :limit_literal
      for update skip locked
    )
),
cancelled as materialized (
    (
      select step_id, finished_ts
      from /*schema*/step_tracker
      where status = 'cancelled'
        and finished_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :trusted_from and :trusted_until then :cancelled_floor else -4611686018427387904 end
        and finished_ts < coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) - :keep_failed_ms
      order by finished_ts, step_id
      limit :limit_literal
      for update skip locked
    )
),
expired as materialized (
  select step_id
  from (
    select * from completed
    union all
    select * from failed
    union all
    select * from cancelled
  ) as ended
  order by finished_ts, step_id
  limit :limit_literal
)
delete from /*schema*/step_tracker
using expired
where expired.step_id = step_tracker.step_id
  and step_tracker.status in ('completed', 'failed', 'cancelled')  -- precondition
returning step_tracker.status, step_tracker.finished_ts;
