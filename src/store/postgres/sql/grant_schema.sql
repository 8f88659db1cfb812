-- Let the role look names up in the schema.
grant usage on schema /*name*/public to /*role*/public;
