-- Count the due steps by task and queue, among the :seen that are next in turn.
select task, queue, count(*) as steps, min(created_ts) as since
from (
  select task, queue, created_ts
  from step_tracker
  where status = 'pending'
  order by priority desc, created_ts, step_id
  limit :seen
) as next
group by task, queue
order by count(*) desc, task
limit :told;
