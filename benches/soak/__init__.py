"""Runs fleet-q on Postgres for an hour, with kills, and looks whether anything grows; run by `make soak`."""
