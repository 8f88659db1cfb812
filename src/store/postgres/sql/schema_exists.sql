-- Whether the schema is there.
select to_regnamespace(:name) is not null as found;
