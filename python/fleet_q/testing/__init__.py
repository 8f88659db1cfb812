"""What a test of your application needs: a queue of its own, and a way to run what it holds.

`redirected` points a FleetQ at another database, `drain` runs its steps until none is left, `steps` shows
them. The pytest plugins `fleet_q.testing.postgres` and `fleet_q.testing.sqlite` give a fresh database to
each test. Importing this package needs no pytest.
"""

from .draining import drain, drain_sync
from .looking import steps, steps_sync
from .redirecting import redirected

__all__ = ["drain", "drain_sync", "redirected", "steps", "steps_sync"]
