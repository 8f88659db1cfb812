-- Forget an outcome that was answered.
delete from journal
where step_id = :step_id
  and claim_id = :claim_id;
