-- What the role may do in the schema; where that is missing, whether it may make one.
select
  quote_ident(current_user) as role,
  quote_ident(wanted.name) as schema,
  coalesce(has_schema_privilege(n.oid, 'usage'), true) as may_use,
  coalesce(has_schema_privilege(n.oid, 'create'), has_database_privilege(current_database(), 'create')) as may_create
from (
  select coalesce(
    cast(:schema as text),
    (
      select cast(found.nspname as text)
      from pg_class as c
      join pg_namespace as found on found.oid = c.relnamespace
      where c.relname = 'step_tracker'
        and pg_table_is_visible(c.oid)
    ),
    cast(current_schema() as text),
    'public'
  ) as name
) as wanted
left join pg_namespace as n on n.nspname = wanted.name;
