-- A second table for what is final, with only what lookups and retention ask for; a view over both for people.
create table /*schema*/step_history (
  like /*schema*/step_tracker including defaults including constraints,
  primary key (step_id)
) with (autovacuum_vacuum_insert_scale_factor = 0.05);

create index history_final on /*schema*/step_history (status, finished_ts, step_id, queue);

create view /*schema*/step_everywhere as
select * from /*schema*/step_tracker
union all
select * from /*schema*/step_history;
