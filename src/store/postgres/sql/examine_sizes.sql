-- Live and dead rows of our tables, what they take, what the live ones need by the statistics, who sweeps.
select
  format('%I.%I', s.schemaname, s.relname) as name,
  s.n_live_tup as live,
  s.n_dead_tup as dead,
  pg_relation_size(c.oid) as heap_bytes,
  pg_indexes_size(c.oid) as index_bytes,
  pg_total_relation_size(c.oid) as total_bytes,
  (
    select cast(s.n_live_tup * (28 + sum(avg_width * (1 - null_frac))) as bigint)
    from pg_stats
    where pg_stats.schemaname = s.schemaname
      and pg_stats.tablename = s.relname
  ) as needed_bytes,
  not exists (
    select 1 from unnest(c.reloptions) as option where option ~* '^autovacuum_enabled=(f|n|of|0)'
  ) as autovacuum,
  cast(extract(epoch from now() - greatest(s.last_vacuum, s.last_autovacuum)) * 1000 as bigint) as since_vacuum_ms
from pg_stat_user_tables as s
join pg_class as c on c.oid = s.relid
where s.relname in ('pod_health', 'step_tracker')
  and case when cast(:schema as text) is null then pg_table_is_visible(c.oid) else s.schemaname = cast(:schema as text) end
order by s.relname;
