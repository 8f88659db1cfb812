-- Dead letters, newest first.
select step_id, task, kind, mark, at_ts, evidence
from letter
order by at_ts desc, place desc
limit :limit;
