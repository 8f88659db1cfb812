-- The database's clock in milliseconds; only tests pass :now.
select coalesce(:now, cast(unixepoch('subsec') * 1000 as integer));
