-- Keep the newest :kept dead letters.
delete from letter
where place in (
  select place
  from letter
  order by at_ts desc, place desc
  limit -1 offset :kept
);
