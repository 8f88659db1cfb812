-- Tell listening pods of the same schema that there may be new work.
select pg_notify('fleet_q_' || md5(coalesce(:schema, current_schema())), '');
