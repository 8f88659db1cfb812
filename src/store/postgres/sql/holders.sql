-- The steps that are not final and carry these unique keys.
select unique_key, step_id
from /*schema*/step_tracker
where unique_key = any(:unique_keys)
  and status in ('blocked', 'scheduled', 'pending', 'claimed');
