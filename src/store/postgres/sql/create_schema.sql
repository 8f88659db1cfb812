-- Make the schema that SCHEMA names, where it is missing.
create schema if not exists /*name*/public;
