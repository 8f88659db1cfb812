-- Every step the pod holds: of the claims before :floor only :older are still open.
select step_id, claim_id, claimed_ts
from /*schema*/step_tracker
where status = 'claimed'
  and queue <> ''  -- names the index
  and claimed_by = :pod
  and claimed_ts >= case when coalesce(:now, cast(floor(extract(epoch from now()) * 1000) as bigint)) between :trusted_from and :trusted_until then :floor else -4611686018427387904 end
union
select step_id, claim_id, claimed_ts
from /*schema*/step_tracker
where status = 'claimed'
  and queue <> ''  -- names the index
  and claimed_by = :pod
  and step_id = any(:older)
order by step_id;
