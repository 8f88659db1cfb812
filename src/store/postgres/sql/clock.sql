-- The database's clock at the call's begin in milliseconds, and how long the call has taken so far.
select
  coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as now,
  coalesce(:now, cast(floor(extract(epoch from clock_timestamp()) * 1000) as bigint)) - coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) as spent_ms;
