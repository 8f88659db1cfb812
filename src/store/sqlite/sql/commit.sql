-- Commit what the migration made, all of it at once.
commit;
