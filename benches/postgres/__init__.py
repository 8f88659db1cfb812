"""Measures fleet-q on Postgres beside a bare loop and its peers; run by `make bench-postgres`."""
