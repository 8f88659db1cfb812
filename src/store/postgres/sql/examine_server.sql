-- What the server is: its version, what only some products have, and whether it takes writes.
select
  version() as version,
  current_setting('server_version_num') as number,
  array(select cast(extname as text) from pg_extension order by extname) as extensions,
  array(
    select cast(proname as text) from pg_proc where proname = 'aurora_version'
    union
    select name from pg_settings where name like 'alloydb%' or name like 'google_columnar_engine%'
  ) as marks,
  pg_is_in_recovery() as read_only,
  (select cast(age(datfrozenxid) as bigint) from pg_database where datname = current_database()) as unfrozen_age;
