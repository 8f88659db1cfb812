-- Delete up to :limit failed and cancelled steps past their keep.
delete from step_tracker
where rowid in (
  select rowid
  from step_tracker
  where status in ('failed', 'cancelled')
    and status in ('completed', 'failed', 'cancelled')
    and finished_ts < coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) - :keep_ms
  limit :limit
);
