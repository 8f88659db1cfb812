-- Fill in steps that ended within the last day, oldest first.
insert into /*schema*/step_tracker (
  step_id, task, queue, status, priority, payload, claimed_by, claim_id, created_ts, available_ts, claimed_ts,
  last_update_ts, finished_ts, result, result_content_type, error, tags
)
select
  uuidv7(make_interval(secs => -age)),
  case when n % (:count_literal / 5) = 7 then 'app.rare' else 'app.task_' || lpad(cast(n % 20 as text), 2, '0') end,
  'queue_' || n % 8,
  case when n % 50 = 3 then 'failed' when n % 100 = 4 then 'cancelled' else 'completed' end,
  case when n % 50 = 1 then 9 when n % 10 = 2 then 5 else 0 end,
  convert_to('{"args":[' || n || '],"kwargs":{"customer":"' || md5(cast(n as text)) || '","note":"' || repeat(md5(cast(n as text)), 2) || '"},"metadata":{}}', 'UTF8'),
  'bench-00000001',
  gen_random_uuid(),
  birth, birth, birth + 100, birth + 200, birth + 200,
  case when n % 50 <> 3 and n % 100 <> 4 then convert_to('{"sent":' || n || '}', 'UTF8') end,
  case when n % 50 <> 3 and n % 100 <> 4 then 'application/json' end,
  case when n % 50 = 3 then cast('[{"kind":"error","type":"ValueError","message":"no such customer"}]' as jsonb) end,
  case
    when n % (:count_literal / 5) = 9 then cast('["rare"]' as jsonb)
    when n % 20 = 0 then jsonb_build_array('customer-' || (n / 20) % 1000)
    else '[]'
  end
from (
  select
    n,
    age,
    cast((extract(epoch from now()) - age) * 1000 as bigint) as birth
  from generate_series(cast(1 as bigint), :count_literal) as n
  cross join lateral (select 86000.0 * (1 - cast(n as double precision) / :count_literal) + 60 as age) as at
) as row;
