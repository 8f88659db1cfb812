-- Which tables of ours are there: in :schema, or else where the search path finds them.
select
  cast(c.relname as text) as table_name,
  format('%I.%I', n.nspname, c.relname) as name,
  c.relpersistence = 'u' as unlogged,
  obj_description(c.oid, 'pg_class') as comment,
  pg_has_role(c.relowner, 'usage') as owned
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relname in ('pod_health', 'step_tracker')
  and c.relkind in ('r', 'p')
  and case when cast(:schema as text) is null then pg_table_is_visible(c.oid) else n.nspname = cast(:schema as text) end
order by c.relname;
