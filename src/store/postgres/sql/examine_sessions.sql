-- The oldest transactions of this database: from each on, no dead row can be swept.
select
  cast(pid as bigint) as pid,
  coalesce(quote_ident(usename), '') as role,
  coalesce(application_name, '') as application,
  coalesce(state like 'idle in transaction%', false) as idle,
  coalesce(backend_type = 'autovacuum worker', false) as maintenance,
  cast(greatest(extract(epoch from clock_timestamp() - xact_start), 0) * 1000 as bigint) as age_ms
from pg_stat_activity
where datname = current_database()
  and pid <> pg_backend_pid()
  and xact_start is not null
order by xact_start
limit :told_literal;
