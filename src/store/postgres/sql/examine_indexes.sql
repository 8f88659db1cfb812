-- The indexes of our tables: whether they are whole, and what they take.
select
  cast(i.relname as text) as index_name,
  format('%I.%I', n.nspname, i.relname) as name,
  x.indisvalid and x.indisready as valid,
  pg_relation_size(i.oid) as bytes,
  cast(greatest(i.reltuples, 0) as bigint) as entries
from pg_index as x
join pg_class as i on i.oid = x.indexrelid
join pg_class as c on c.oid = x.indrelid
join pg_namespace as n on n.oid = c.relnamespace
where c.relname in ('pod_health', 'step_tracker')
  and c.relkind in ('r', 'p')
  and case when cast(:schema as text) is null then pg_table_is_visible(c.oid) else n.nspname = cast(:schema as text) end
order by i.relname;
