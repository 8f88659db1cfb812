-- Count steps by queue and state.
select queue, 'pending' as status, count(*) as steps
from (
  select queue from /*schema*/step_tracker where status = 'pending' and last_update_ts = created_ts
  union all
  select queue from /*schema*/step_tracker where status = 'pending' and last_update_ts <> created_ts
) as pending
group by queue
union all
select queue, 'scheduled', count(*) from /*schema*/step_tracker where status = 'scheduled' group by queue
union all
select queue, 'claimed', count(*) from /*schema*/step_tracker where status = 'claimed' and queue <> '' group by queue
union all
select queue, 'blocked', count(*) from /*schema*/step_tracker where status = 'blocked' group by queue
union all
select queue, status, count(*)
from /*schema*/step_tracker
where status in ('completed', 'failed', 'cancelled')
group by queue, status;
