-- Make up to :limit scheduled steps that are due pending, longest due first.
update step_tracker
set status = 'pending',
    last_update_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where rowid in (
  select rowid
  from step_tracker
  where status = 'scheduled'
    and available_ts <= coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
  order by available_ts
  limit :limit
);
