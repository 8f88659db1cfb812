-- Fill in steps that wait: pending ones, or scheduled ones due from :from_s_literal to :to_s_literal seconds from now.
insert into /*schema*/step_tracker (
  step_id, task, queue, status, priority, payload, created_ts, available_ts, last_update_ts, tags
)
select
  uuidv7(),
  'app.task_' || lpad(cast(n % 20 as text), 2, '0'),
  'queue_' || n % 8,
  case when :to_s_literal = 0 then 'pending' else 'scheduled' end,
  case when n % 50 = 1 then 9 when n % 10 = 2 then 5 else 0 end,
  convert_to('{"args":[' || n || '],"kwargs":{"customer":"' || md5(cast(n as text)) || '","note":"' || repeat(md5(cast(n as text)), 2) || '"},"metadata":{}}', 'UTF8'),
  moment + n / 1000,
  moment + cast(1000 * (:from_s_literal + (:to_s_literal - :from_s_literal) * ((n * 7919) % :count_literal) / :count_literal) as bigint),
  moment + n / 1000,
  case when n % 20 = 0 then jsonb_build_array('customer-' || (n / 20) % 1000) else '[]' end
from generate_series(cast(1 as bigint), :count_literal) as n
cross join (
  select cast(extract(epoch from now()) * 1000 as bigint) - :count_literal / 1000 as moment
) as at;
