-- Every bound on connections that holds for this role, how much of it is used, and how to raise it.
select
  'max_connections' as name,
  (select cast(coalesce(sum(numbackends), 0) as bigint) from pg_stat_database) as used,
  cast(current_setting('max_connections') as bigint)
    - cast(current_setting('superuser_reserved_connections') as bigint)
    - cast(coalesce(current_setting('reserved_connections', true), '0') as bigint) as bound,
  'alter system set max_connections = {}; then restart the server, or put pgbouncer in between' as mend
union all
select
  'connection limit of the role ' || quote_ident(rolname),
  (select count(*) from pg_stat_activity where usename = current_user),
  cast(rolconnlimit as bigint),
  format('alter role %I connection limit {};', rolname)
from pg_roles
where rolname = current_user
  and rolconnlimit >= 0
union all
select
  'connection limit of the database ' || quote_ident(datname),
  (select count(*) from pg_stat_activity where datname = current_database()),
  cast(datconnlimit as bigint),
  format('alter database %I connection limit {};', datname)
from pg_database
where datname = current_database()
  and datconnlimit >= 0;
