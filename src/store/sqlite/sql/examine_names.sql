-- The tables and indexes that are there.
select type, name from sqlite_schema where type in ('table', 'index') order by type, name;
