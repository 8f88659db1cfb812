"""What the indexes cost that lookups by task and by tag lack, and what they give. Leaves them there."""

from __future__ import annotations

import time

from layout.measuring import Bench, lookup, sizes, written
from layout.results import Sample

__all__ = ["WISHES", "wished"]

WISHES = {"task": "step_by_task", "tag": "step_by_tag"}
# Without it the planner does not see that a partial index holds all it looks for.
TAGGED = {"search": {"tags ? :tag": "tags ? :tag and tags <> '[]'"}}


def wished(bench: Bench) -> Sample:
    """Create the indexes, look up and write again."""
    sample: Sample = {}
    with bench.connect() as db:
        for wish, index in WISHES.items():
            began = time.monotonic()
            db.execute(bench.statements.text(wish))
            sample[index] = {"seconds": time.monotonic() - began, **sizes(bench)[index]}
        db.execute("vacuum (analyze)")
    told = Bench(bench.server, bench.layout, bench.load, TAGGED)
    sample["lookup"] = lookup(told)
    sample["written"] = written(told)
    return sample
