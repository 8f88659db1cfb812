-- What would make a lookup by task an index scan: every version of a step pays for it.
create index step_by_task on /*schema*/step_tracker (task, step_id);
