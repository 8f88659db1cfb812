-- Lay down the pod's own tables; running it again changes nothing.
create table if not exists journal (
  place integer primary key autoincrement,
  step_id text not null,
  claim_id text not null,
  pod text not null,
  outcome text not null,
  result blob,
  result_content_type text,
  unique (step_id, claim_id)
) strict;

create table if not exists letter (
  place integer primary key autoincrement,
  step_id text not null,
  task text not null,
  kind text not null,
  mark text not null,
  at_ts integer not null,
  evidence text not null,
  unique (step_id, kind, mark)
) strict;

create index if not exists letter_at
on letter (at_ts, place);

create table if not exists seen (
  what text primary key,
  until_ts integer not null
) strict;
