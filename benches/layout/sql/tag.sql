-- What would make a lookup by tag an index scan, paid only by steps that have tags.
create index step_by_tag on /*schema*/step_tracker using gin (tags)
where tags <> '[]';
