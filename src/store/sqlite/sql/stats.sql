-- Count steps by queue and state, from the indexes alone.
select queue, 'pending' as status, count(*) as steps from step_tracker where status = 'pending' group by queue
union all
select queue, 'scheduled', count(*) from step_tracker where status = 'scheduled' group by queue
union all
select queue, 'claimed', count(*) from step_tracker where status = 'claimed' group by queue
union all
select queue, 'blocked', count(*) from step_tracker where status = 'blocked' group by queue
union all
select queue, status, count(*)
from step_tracker
where status = 'completed' or status = 'failed' or status = 'cancelled'
group by queue, status;
