-- Delete up to :limit completed steps past their keep, oldest first.
delete from step_tracker
where rowid in (
  select rowid
  from step_tracker
  where status = 'completed'
    and status in ('completed', 'failed', 'cancelled')
    and finished_ts < coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) - :keep_ms
  order by finished_ts
  limit :limit
);
