-- Read up to :limit failed steps by filter, the latest failure first; a filter that is null lets everything through.
select
  step_id, task, queue, created_ts, finished_ts, retry_count, max_retries, crash_count, unique_key,
  cast(coalesce(history ->> '$[#-1].kind', '') as text) as kind,
  cast(coalesce(history ->> '$[#-1].error_type', '') as text) as error_type,
  substr(cast(coalesce(history ->> '$[#-1].message', '') as text), 1, :message_shown) as message,
  cast(coalesce(history ->> '$[#-1].pod', '') as text) as pod
from (
  select
    step_id, task, queue, created_ts, finished_ts, retry_count, max_retries, crash_count, unique_key,
    case when json_valid(error) then error else '[]' end as history
  from step_tracker indexed by step_final
  where status = 'failed'
    and finished_ts >= coalesce(
      :since_ts,
      coalesce(:now, cast(unixepoch('subsec') * 1000 as integer)) - :since_ago_ms,
      -4611686018427387904
    )
    and finished_ts <= coalesce(:before_ts, 4611686018427387904)
    and (:before_id is null or finished_ts < :before_ts or step_id < :before_id)
    and (:queue is null or queue = :queue)
    and (:task is null or task = :task)
)
where :error is null
  or instr(
    lower(
      coalesce(history ->> '$[#-1].kind', '') || ' ' || coalesce(history ->> '$[#-1].error_type', '')
      || ': ' || coalesce(history ->> '$[#-1].message', '')
    ),
    lower(:error)
  ) > 0
order by finished_ts desc, step_id desc
limit :limit;
