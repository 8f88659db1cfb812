-- How many outcomes are owed.
select count(*)
from journal;
