-- Resume a queue for the whole fleet.
update pod_health
set meta = json_set(
      meta,
      '$.paused', (select json_group_array(value) from json_each(meta, '$.paused') where value <> :queue)
    ),
    last_heartbeat_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where pod_id = 'control'
  and kind = 'control';
