-- Move up to :limit_literal steps that are final to the history.
with completed as materialized (
  select step_id
  from /*schema*/step_tracker
  where status = 'completed'
  order by finished_ts
  limit :limit_literal
  for update skip locked
),
ended as materialized (
  select step_id
  from /*schema*/step_tracker
  where status in ('failed', 'cancelled')
  order by finished_ts
  limit :limit_literal
  for update skip locked
),
gone as (
  delete from /*schema*/step_tracker
  using (select step_id from completed union all select step_id from ended) as final
  where final.step_id = step_tracker.step_id
    and step_tracker.status in ('completed', 'failed', 'cancelled')  -- precondition
  returning step_tracker.*
)
insert into /*schema*/step_history
select * from gone;
