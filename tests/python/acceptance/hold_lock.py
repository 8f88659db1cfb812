"""A process that holds the write lock of the queue's file, as a careless backup or a stuck migration does.

Says `locked` when it has the lock and lets go when its standard input says so or ends.
"""

from __future__ import annotations

import sqlite3
import sys

if __name__ == "__main__":
    connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
    for order in sys.stdin:
        if order == "lock\n":
            connection.execute("begin exclusive")
            print("locked", flush=True)
        else:
            connection.execute("rollback")
            print("unlocked", flush=True)
