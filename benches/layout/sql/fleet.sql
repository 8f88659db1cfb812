-- Ten living pods and the one that measures.
insert into /*schema*/pod_health (pod_id)
select 'bench-' || lpad(to_hex(n), 8, '0')
from generate_series(0, 10) as n;
