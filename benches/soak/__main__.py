"""`make soak`: 70 % of the peak for an hour, with kills; and the page that says whether anything grew or went missing.

SOAK_MINUTES is how long (60); SOAK_QUICK=1 takes a minute and writes no page. Each sample is kept as it is taken;
SOAK_PAGE_ONLY=1 writes the page from those of the last run. BENCH_WHEEL and BENCH_FOLDER_ROOT are as in
`make bench-postgres`; SOAK_PAGE says where the page goes. Ends with 1 if a verdict does not hold; the quick form
looks at lost steps and at those that were recorded twice alone.
"""

from __future__ import annotations

import signal
import sys
import time

from curves.fleets import Fleet
from postgres.results import Results
from postgres.running import facts, shown
from postgres.scenes import Sample, Scenes
from postgres.server import measured_server
from postgres.settings import SCRATCH
from processes import BenchError
from soak import page, plots, settings
from soak.running import Soak
from soak.verdicts import Verdict, judged

SCENE = "soak"


def main() -> int:
    """Soak, write and print the page."""
    # Who ends us ends the server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results = Results.read(settings.KEPT) if settings.PAGE_ONLY else Results()
    if not settings.PAGE_ONLY:
        _soak(results)
    text = page.written(results)
    if not settings.QUICK:
        settings.PAGE.parent.mkdir(parents=True, exist_ok=True)
        settings.PAGE.write_text(text, encoding="utf-8")
        plots.draw(results, settings.PAGE.parent)
    print(text)
    kinds = results.samples[SCENE]
    verdicts = judged([] if settings.QUICK else kinds.get("samples", []), kinds.get("end", [{}])[-1])
    return 0 if verdicts and all(map(_holds, verdicts)) else 1


def _holds(verdict: Verdict) -> bool:
    return verdict.holds


def _soak(results: Results) -> None:
    began = time.monotonic()
    results.versions = Fleet().contender().versions
    takes_s = settings.MINUTES * 60 + settings.PEAK_S * 1.25 + 60
    print(f"about {takes_s / 60:.0f} minutes", file=sys.stderr)
    with measured_server(SCRATCH) as (server, folder), shown(int(settings.MINUTES * 60 / settings.EVERY_S)) as bar:
        results.facts |= facts(server)
        bar("peak", 0)

        def tell(kind: str, sample: Sample) -> None:
            results.add(SCENE, kind, sample)
            results.write(settings.KEPT)
            if kind == "samples":
                bar(f"{sample['rate']:,.0f}/s, {sample['waiting']:,.0f} wait", 1)

        Soak(Scenes(server, folder), tell).run(settings.MINUTES)
    results.facts["took"] = f"{time.monotonic() - began:.0f} s"
    results.write(settings.KEPT)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(str(error))
