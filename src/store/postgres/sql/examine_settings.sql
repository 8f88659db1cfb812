-- The settings that promises rest on, and where their values come from.
select name, setting, source, quote_ident(current_user) as role, quote_ident(current_database()) as database
from pg_settings
where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'autovacuum', 'track_counts')
order by name;
