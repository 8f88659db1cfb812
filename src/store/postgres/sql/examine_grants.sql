-- Which of the four rights on our tables the role lacks.
select format('%I.%I', n.nspname, c.relname) as name, privilege
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
cross join unnest(array['select', 'insert', 'update', 'delete']) with ordinality as needed (privilege, place)
where c.relname in ('pod_health', 'step_tracker')
  and c.relkind in ('r', 'p')
  and case when cast(:schema as text) is null then pg_table_is_visible(c.oid) else n.nspname = cast(:schema as text) end
  and not has_table_privilege(c.oid, privilege)
order by c.relname, place;
