-- Pull beats that lie in the future, after the clock stepped back, to now, so that they can age.
-- Such a pod begins anew, as its own next beat would have said: that one sees nothing wrong any more.
update /*schema*/pod_health
set last_heartbeat_ts = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)),
    beating_since = coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint))
where kind = 'pod'
  and status in ('up', 'draining')
  and last_heartbeat_ts > coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint));
