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

create table if not exists dlq (
  place integer primary key autoincrement,
  step_id text not null,
  task text not null,
  kind text not null,
  evidence text not null
) strict;
