-- Tell listening pods of the same schema that there may be :steps more to take, with a lot that says who looks first.
-- Its commit does not wait for the disk: what a lost notification told of is found by polling.
select
  set_config('synchronous_commit', 'off', true),
  pg_notify(
    'fleet_q_' || md5(coalesce(:schema, current_schema())),
    cast(:steps as bigint) || ' ' || cast(floor(random() * 4611686018427387904) as bigint)
  );
