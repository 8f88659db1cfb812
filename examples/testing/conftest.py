"""Each test gets a queue of its own. Run the tests here: `pip install fleet-q[fastapi,testing]`, then `pytest`."""

import pytest
from shop import fq

from fleet_q import FleetQ

pytest_plugins = ["fleet_q.testing.postgres"]  # or fleet_q.testing.sqlite


@pytest.fixture
def fleet_q_app() -> FleetQ:
    """Say which FleetQ the fixture `fleet_q` lends to a test: the app's own."""
    return fq
