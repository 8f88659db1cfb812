-- Open a transaction, whatever the server's or the role's defaults are.
begin isolation level read committed read write;
