"""`python -m fleet_q.cli`: the same command, for an interpreter that is named by its path."""

from . import main

main()
