-- What this session was told when it began, or null.
select current_setting('fleet_q.line', true) as line;
