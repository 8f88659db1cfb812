"""Enqueue from code without an event loop; a second process runs the steps.

python examples/sync_producer.py
"""

import subprocess
import sys

from fleet_q import FleetQ

# A producer claims nothing and never leads; it only writes steps and reads results.
fq = FleetQ(role="worker" if "--worker" in sys.argv else "producer")


@fq.task(name="resize")
def resize(path: str, width: int) -> str:
    """Stand for work that takes a while."""
    return f"{path} is {width} wide"


def main() -> None:
    """Store two steps, start a worker for them, wait for the results."""
    handles = [resize.enqueue_sync(f"photo-{n}.png", width=n * 100) for n in (1, 2)]
    with subprocess.Popen([sys.executable, __file__, "--worker"]) as worker:
        try:
            for handle in handles:
                print(handle.result_sync(timeout=30))
        finally:
            worker.terminate()  # SIGTERM: it drains and goes


if __name__ == "__main__":
    if "--worker" in sys.argv:
        fq.run()
    else:
        main()
