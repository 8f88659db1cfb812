-- Replication slots: which rows and how much of the log they keep.
select
  cast(slot_name as text) as name,
  active,
  cast(age(xmin) as bigint) as holds,
  case
    when pg_is_in_recovery() then 0
    else cast(greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0) as bigint)
  end as wal_bytes
from pg_replication_slots
order by slot_name
limit :told_literal;
