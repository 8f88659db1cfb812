-- Read up to :limit_literal failed steps by filter, the latest failure first; a filter that is null lets everything through.
select
  step_id, task, queue, created_ts, finished_ts, retry_count, max_retries, crash_count, unique_key,
  coalesce(error -> -1 ->> 'kind', '') as kind,
  coalesce(error -> -1 ->> 'error_type', '') as error_type,
  left(coalesce(error -> -1 ->> 'message', ''), :shown_literal) as message,
  coalesce(error -> -1 ->> 'pod', '') as pod
from /*schema*/step_tracker
where status = 'failed'
  and finished_ts >= coalesce(
    cast(:since_ts as bigint),
    coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) - cast(:since_ago_ms as bigint),
    -4611686018427387904
  )
  and finished_ts <= coalesce(cast(:before_ts as bigint), 4611686018427387904)
  and (cast(:before_id as uuid) is null or finished_ts < :before_ts or step_id < :before_id)
  and (cast(:queue as text) is null or queue = :queue)
  and (cast(:task as text) is null or task = :task)
  and (
    cast(:error as text) is null
    or strpos(
      lower(
        (
          coalesce(error -> -1 ->> 'kind', '') || ' ' || coalesce(error -> -1 ->> 'error_type', '')
          || ': ' || coalesce(error -> -1 ->> 'message', '')
        ) collate "C"
      ),
      lower(cast(:error as text) collate "C")
    ) > 0
  )
order by finished_ts desc, step_id desc
limit :limit_literal;
