-- The settings that decide whether what was committed survives a crash of the server; null where it has no such setting.
select
  current_setting('fsync', true) as fsync,
  current_setting('synchronous_commit', true) as synchronous_commit,
  current_setting('full_page_writes', true) as full_page_writes;
