-- Pull beats that lie in the future, after the clock stepped back, to now, so that they can age.
update pod_health
set last_heartbeat_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where kind = 'pod'
  and status in ('up', 'draining')
  and last_heartbeat_ts > coalesce(:now, cast(unixepoch('subsec') * 1000 as integer));
