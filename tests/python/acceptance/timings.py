"""How fast the fleets of the acceptance tests are: seconds in the short form, as in production in the long one."""

from __future__ import annotations

import os
from typing import NamedTuple

__all__ = ["BEAT_S", "LONG", "RECOVERY_S", "SETTINGS", "SLOWER", "STATEMENT_S", "THRESHOLD_S"]


class _Form(NamedTuple):
    beat: float
    threshold: float
    recovery: float
    statement: float
    claim: float


_SHORT = _Form(beat=0.8, threshold=4.0, recovery=0.8, statement=1.6, claim=0.1)
_PRODUCTION = _Form(beat=3.0, threshold=15.0, recovery=3.0, statement=6.0, claim=1.0)

LONG = os.environ.get("FLEET_Q_TEST_LONG") == "1"
"""Whether the long forms run; read before the fixtures clean the environment."""

_FORM = _PRODUCTION if LONG else _SHORT
BEAT_S, THRESHOLD_S, RECOVERY_S, STATEMENT_S, _CLAIM_S = _FORM
SLOWER = THRESHOLD_S / _SHORT.threshold
"""How much longer than in the short form everything may take."""

SETTINGS = {
    "FLEET_Q_HEARTBEAT_INTERVAL": str(BEAT_S),
    "FLEET_Q_DEAD_POD_THRESHOLD": str(THRESHOLD_S),
    "FLEET_Q_RECOVERY_INTERVAL": str(RECOVERY_S),
    "FLEET_Q_STATEMENT_TIMEOUT": str(STATEMENT_S),
    "FLEET_Q_CLAIM_INTERVAL": str(_CLAIM_S),
    "FLEET_Q_SHUTDOWN_GRACE": "5",
}
