"""Measures whether fleet-q degrades or collapses under stress on Postgres; run by `make bench-stress`."""
