-- The oldest outcomes still owed.
select step_id, claim_id, pod, outcome, result, result_content_type
from journal
order by place
limit :limit;
