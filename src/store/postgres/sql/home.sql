-- The schema that holds the tables, or the one they would be made in.
select coalesce(
  (
    select n.nspname
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.oid = to_regclass(:step_tracker)
  ),
  current_schema()
) as home;
