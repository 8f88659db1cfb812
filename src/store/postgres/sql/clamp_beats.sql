-- Pull beats that lie in the future, after the clock stepped back, to now, so that they can age.
update /*schema*/pod_health
set last_heartbeat_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
where kind = 'pod'
  and status in ('up', 'draining')
  and last_heartbeat_ts > coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint));
