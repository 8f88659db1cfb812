-- The name of the channel for the schema in use.
select 'fleet_q_' || md5(coalesce(:schema, current_schema())) as channel;
