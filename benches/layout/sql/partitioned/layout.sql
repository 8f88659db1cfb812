-- Cut STEP_TRACKER into a partition an hour by step_id, whose first 48 bits are milliseconds.
-- The unique key loses its index: one over all partitions would have to hold step_id, and so would hold nothing.
alter table /*schema*/step_tracker rename to step_pattern;

create table /*schema*/step_tracker (
  like /*schema*/step_pattern including defaults including constraints,
  primary key (step_id)
) partition by range (step_id);

create function /*schema*/first_of(moment timestamptz) returns uuid
language sql stable
return cast(lpad(to_hex(cast(floor(extract(epoch from moment) * 1000) as bigint)), 12, '0') || repeat('0', 20) as uuid);

do $$
declare
  hour timestamptz;
  name text;
begin
  for hour in
    select generate_series(date_trunc('hour', now()) - interval '24 hours', date_trunc('hour', now()) + interval '5 hours', interval '1 hour')
  loop
    name := 'step_' || to_char(hour, 'MMDD_HH24');
    execute format(
      'create table /*schema*/%I partition of /*schema*/step_tracker for values from (%L) to (%L)
       with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
             autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05)',
      name, /*schema*/first_of(hour), /*schema*/first_of(hour + interval '1 hour')
    );
  end loop;
end
$$;

-- For ids that are no moment of these hours: a caller may bring its own.
create table /*schema*/step_elsewhere partition of /*schema*/step_tracker default;

do $$
declare
  definition text;
begin
  for definition in
    select indexdef
    from pg_indexes
    where schemaname = 'fleet_q' and tablename = 'step_pattern' and indexdef not like 'CREATE UNIQUE%'
  loop
    execute regexp_replace(
      replace(definition, 'fleet_q.step_pattern', 'fleet_q.step_tracker'), 'INDEX (\S+) ON', 'INDEX part_\1 ON'
    );
  end loop;
end
$$;

drop table /*schema*/step_pattern;
