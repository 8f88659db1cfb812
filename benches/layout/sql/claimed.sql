-- Fill in steps that living pods run.
insert into /*schema*/step_tracker (
  step_id, task, queue, status, payload, claimed_by, claim_id, claimed_ts
)
select
  uuidv7(),
  'app.task_00',
  'queue_0',
  'claimed',
  convert_to('{"args":[' || n || '],"kwargs":{},"metadata":{}}', 'UTF8'),
  'bench-' || lpad(to_hex(n % 11), 8, '0'),
  gen_random_uuid(),
  cast(extract(epoch from now()) * 1000 as bigint)
from generate_series(1, :count_literal) as n;
