-- The step that is not final and carries this unique key.
select step_id
from step_tracker
where unique_key = :unique_key
  and unique_key is not null
  and (status = 'blocked' or status = 'scheduled' or status = 'pending' or status = 'claimed');
