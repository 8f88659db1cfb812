-- Whether the schema is there, at this moment.
-- Reads the catalog, not only what this connection remembers of it from before it waited for a lock.
select exists (
  select
  from pg_namespace
  where oid = to_regnamespace(:name)
) as found;
