-- Keep a dead letter, once.
insert into letter (step_id, task, kind, mark, at_ts, evidence)
values (:step_id, :task, :kind, :mark, :at_ts, :evidence)
on conflict (step_id, kind, mark) do nothing;
