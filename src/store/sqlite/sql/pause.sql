-- Pause a queue for the whole fleet. Pausing it twice changes nothing.
update pod_health
set meta = json_insert(meta, '$.paused[#]', :queue),
    last_heartbeat_ts = coalesce(:now, cast(unixepoch('subsec') * 1000 as integer))
where pod_id = 'control'
  and kind = 'control'
  and not exists (select 1 from json_each(meta, '$.paused') where value = :queue);
