-- The schema version, from the comment on STEP_TRACKER; null where there is no table.
select
  obj_description(cast(to_regclass(:step_tracker) as oid), 'pg_class') as version,
  to_regclass(:step_tracker) is not null as found;
