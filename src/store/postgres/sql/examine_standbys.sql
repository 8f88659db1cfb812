-- Standbys whose queries hold rows back here, by hot_standby_feedback.
select
  coalesce(application_name, '') as application,
  coalesce(host(client_addr), 'a local socket') as address,
  cast(age(backend_xmin) as bigint) as holds
from pg_stat_replication
order by application_name
limit :told_literal;
