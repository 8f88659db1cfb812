-- Open a transaction that writes, so that of two migrations one waits for the other.
begin immediate;
