-- Delete a failed step; one that stands elsewhere stays.
delete from step_tracker
where step_id = :step_id
  and status = 'failed';
