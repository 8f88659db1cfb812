-- Write a new pod's row, up and beating since now.
insert into pod_health (pod_id, kind, birth_ts, last_heartbeat_ts, beating_since, status, meta)
values (
  :pod,
  'pod',
  coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
  coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
  coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)),
  'up',
  json_set(:meta, '$.can_lead', json(:can_lead))
);
