-- Dead letters, newest first.
select step_id, task, kind, evidence
from dlq
order by place desc
limit :limit;
