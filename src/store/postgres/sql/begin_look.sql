-- Open a transaction that only reads, which a standby allows too.
begin isolation level read committed read only;
