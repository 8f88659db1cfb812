-- Keep a dead letter.
insert into dlq (step_id, task, kind, evidence)
values (:step_id, :task, :kind, :evidence);
