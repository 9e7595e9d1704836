"""What validation by rules costs: one case against a long watchlist, loading that list, and finding duplicates.

CPU time, not waiting. Each is measured at one size and at ten times that size: cost per case must grow less than that.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Final

import psutil
from sqlalchemy import Connection, create_engine, insert, select

from benchmarks.applications import application
from benchmarks.harness import Measured, Report, options, show
from benchmarks.watchlist import person_name, surname, write
from checkpoints.schema import match_keys as table
from onboarding.application import Application
from onboarding.assessment import Prior
from onboarding.checks.run import check
from onboarding.matching import compare, match_keys
from onboarding.policy import Policy
from onboarding.reading.result import Reading
from onboarding.screening import Watchlist
from onboarding.submission import Part, Submission

TODAY: Final = date(2026, 11, 23)
LIST: Final = 20_000
CASES: Final = 10_000
TARGET_MS: Final = 10.0


def main() -> None:
    """``python -m benchmarks.validation [--quick] [--json]``."""
    chosen = options("validation", __doc__ or "")
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        _lists(report, Path(folder), repeats=60 if chosen.quick else 300)
    _duplicates(report, look_ups=100 if chosen.quick else 400)
    by_name = {row.what: row for row in report.rows}
    small, large = by_name[f"validate, {LIST:,} entries"], by_name[f"validate, {10 * LIST:,} entries"]
    report.ratios = {
        "validate_p50_vs_10_ms": small.p50_ms / TARGET_MS,
        "validate_10x_list": large.p50_ms / small.p50_ms,
        "load_10x_list": by_name[f"load {10 * LIST:,} entries"].p50_ms / by_name[f"load {LIST:,} entries"].p50_ms,
        "look_up_10x_cases": by_name[f"duplicates, {10 * CASES:,} cases"].p50_ms
        / by_name[f"duplicates, {CASES:,} cases"].p50_ms,
    }
    show(report, as_json=chosen.json)


def _lists(report: Report, folder: Path, *, repeats: int) -> None:
    for entries in (LIST, 10 * LIST):
        file = folder / f"{entries}.jsonl"
        write(file, entries)
        before = psutil.Process().memory_info().rss
        started = time.process_time()
        watchlist = Watchlist.load(file)
        spent = time.process_time() - started
        megabytes = (psutil.Process().memory_info().rss - before) / 2**20
        row = Measured(f"load {entries:,} entries", 1, entries / spent, spent * 1e3, spent * 1e3)
        row.extra = {"megabytes": round(megabytes, 1)}
        report.rows.append(row)
        report.rows.append(
            _timed(f"validate, {entries:,} entries", [_validation(n, watchlist) for n in range(repeats)])
        )


def _validation(number: int, watchlist: Watchlist) -> Callable[[], object]:
    """One whole validation of an application nobody has seen, with two owners to screen."""
    dice = random.Random(number)
    document = application(number)
    document["legal_name"] = f"{surname(dice)} General Trading Ltd"
    document["persons"] = [{**document["persons"][0], "name": person_name(dice), "ownership_pct": 50} for _ in range(2)]
    app = Application.from_json(document)
    submission = Submission(
        version=1, parts=[Part(source="input", kind="application", format="json", content=document)]
    )
    reading, policy = Reading(application=app), Policy.default()

    def work() -> object:
        return check(reading, submission, priors=(), watchlist=watchlist, policy=policy, as_of=TODAY)

    return work


def _duplicates(report: Report, *, look_ups: int) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        table.create(connection)
        stored = 0
        for cases in (CASES, 10 * CASES):
            rows = [row for number in range(stored, cases) for row in _rows(number)]
            connection.execute(insert(table), rows)
            stored = cases
            work = [_look_up(connection, random.Random(n).randrange(cases)) for n in range(look_ups)]
            report.rows.append(_timed(f"duplicates, {cases:,} cases", work))


def _rows(number: int) -> Iterator[dict[str, str]]:
    keys = match_keys(Application.from_json(application(number)))
    return ({"key_hash": f"{kind}:{value}", "case_id": str(number)} for kind, value in keys)


def _look_up(connection: Connection, number: int) -> Callable[[], object]:
    """Find and compare the earlier applications of one that came in a second time under a new number."""
    app = Application.from_json({**application(number), "registration_number": None})

    def work() -> object:
        keys = [f"{kind}:{value}" for kind, value in match_keys(app)]
        found = connection.scalars(select(table.c.case_id).where(table.c.key_hash.in_(keys)).distinct()).all()
        priors = [Prior(case_id=case, application=Application.from_json(application(int(case)))) for case in found]
        reported = compare(app, priors)
        if {finding.code for finding in reported} != {"DUPLICATE_MERCHANT_SUSPECTED", "RELATED_MERCHANT_SHARED_BANK"}:
            raise AssertionError(f"application {number} was not recognised")
        return reported

    return work


def _timed(what: str, work: list[Callable[[], object]]) -> Measured:
    """CPU milliseconds of each piece of work, after a few to warm up."""
    for piece in work[:5]:
        piece()
    spent = []
    for piece in work:
        started = time.process_time()
        piece()
        spent.append(time.process_time() - started)
    spent.sort()
    middle, late = spent[len(spent) // 2], spent[int(len(spent) * 0.95)]
    return Measured(what, 1, len(spent) / sum(spent), middle * 1e3, late * 1e3)


if __name__ == "__main__":
    main()
