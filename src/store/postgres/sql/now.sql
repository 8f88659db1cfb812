-- The database's clock in milliseconds; only tests pass :now.
select coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as now;
