-- Prepared transactions of this database, oldest first.
select
  gid,
  quote_ident(owner) as role,
  cast(greatest(extract(epoch from clock_timestamp() - prepared), 0) * 1000 as bigint) as age_ms
from pg_prepared_xacts
where database = current_database()
order by prepared
limit :told_literal;
