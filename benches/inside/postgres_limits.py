"""How fast rows of the bare loop's table can be stored by psycopg: one by one, with unnest, with COPY.

`postgres_limits.py one|unnest|copy N` prints the seconds as one JSON line.
"""

from __future__ import annotations

import json
import os
import sys
import time

import psycopg

import pace

PUT = "insert into jobs (args) values (%s)"
UNNEST = "insert into jobs (args) select unnest(%s::jsonb[])"
COPY = "copy jobs (args) from stdin"


def main() -> None:
    """Store so many rows the way of the command line."""
    way, n = sys.argv[1], int(sys.argv[2])
    rows = [json.dumps({"i": i}) for i in range(n)]
    with psycopg.connect(os.environ["BENCH_URL"], autocommit=True, prepare_threshold=0) as db:
        began = time.perf_counter()
        if way == "copy":
            with db.cursor().copy(COPY) as copy:
                for row in rows:
                    copy.write_row((row,))
        elif way == "unnest":
            for first in range(0, n, pace.BULK):
                db.execute(UNNEST, (rows[first : first + pace.BULK],))
        else:
            for row in rows:
                db.execute(PUT, (row,))
        print(json.dumps({"seconds": time.perf_counter() - began}))


if __name__ == "__main__":
    main()
