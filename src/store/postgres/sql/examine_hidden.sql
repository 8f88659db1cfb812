-- How many sessions of this database show nothing of themselves to this role.
select count(*) as hidden
from pg_stat_activity
where datname = current_database()
  and query = '<insufficient privilege>';
