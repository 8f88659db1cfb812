-- Delete up to :limit final steps past their keep, the longest ended first.
delete from step_tracker
where rowid in (
  select row_number
  from (
    select * from (
      select rowid as row_number, finished_ts, step_id
      from step_tracker indexed by step_final
      where status = 'completed'
        and finished_ts < coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) - :keep_completed_ms
      order by finished_ts, step_id
      limit :limit
    )
    union all
    select * from (
      select rowid as row_number, finished_ts, step_id
      from step_tracker indexed by step_final
      where status = 'failed'
        and finished_ts < coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) - :keep_failed_ms
      order by finished_ts, step_id
      limit :limit
    )
    union all
    select * from (
      select rowid as row_number, finished_ts, step_id
      from step_tracker indexed by step_final
      where status = 'cancelled'
        and finished_ts < coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) - :keep_failed_ms
      order by finished_ts, step_id
      limit :limit
    )
  )
  order by finished_ts, step_id
  limit :limit
);
