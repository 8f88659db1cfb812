-- Note up to which moment every failure has been buried.
insert into seen (what, until_ts)
values ('failures', :until_ts)
on conflict (what) do update set until_ts = excluded.until_ts;
