-- Wait a short time only for locks of others: a user's open transaction may hold a unique key.
select set_config('lock_timeout', :lock_timeout, true);
