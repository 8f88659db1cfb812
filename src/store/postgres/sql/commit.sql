-- Commit; a transaction that failed is rolled back by it.
commit;
