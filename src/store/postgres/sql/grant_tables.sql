-- Let the role read and write rows: no more is needed, and nothing of it can change a table.
grant select, insert, update, delete on table /*schema*/pod_health, /*schema*/step_tracker to /*role*/public;
