-- Write a new pod's row, up and beating since now. An id that exists changes nothing.
insert into /*schema*/pod_health (pod_id, kind, birth_ts, last_heartbeat_ts, beating_since, status, meta)
values (
  :pod,
  'pod',
  coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)),
  coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)),
  coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)),
  'up',
  cast(:meta as jsonb) || jsonb_build_object('can_lead', cast(:can_lead as boolean))
)
on conflict do nothing
returning pod_id;
