-- Which server process answers this connection.
select pg_backend_pid() as backend;
