-- Keep the newest :kept dead letters.
delete from dlq
where place <= (select max(place) from dlq) - :kept;
