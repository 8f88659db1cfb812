"""Measures fleet-q on Postgres over sizes: curves instead of points; run by `make bench-curves`."""
