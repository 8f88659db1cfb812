-- Keep an outcome. The first one of a claim stands: a body ends once.
insert into journal (step_id, claim_id, pod, outcome, result, result_content_type)
values (:step_id, :claim_id, :pod, :outcome, :result, :result_content_type)
on conflict (step_id, claim_id) do nothing;
