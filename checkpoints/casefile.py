"""Everything recorded of one case, opened: what a bundle holds, what a replay plays from."""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from sqlalchemy import Table, select

from checkpoints import cases as case_rows
from checkpoints.database import Tx
from checkpoints.documents import digest
from checkpoints.saver_reads import thread_log, tuple_at
from checkpoints.schema import audit, cases, decisions, effects, letters, recordings, reviews, submissions
from checkpoints.sealed import SEALED_IN

Rows = list[dict[str, Any]]
ERASED: Final = "erased"
"""The key of a document whose content was erased on request."""
REDACTED: Final = "redaction"
"""The row of ``versions`` that says that names and numbers are replaced."""
NEXT: Final = "branch:to:"
_ORDER: Final[dict[str, tuple[Table, str]]] = {
    "submissions": (submissions, "version"),
    "reviews": (reviews, "opened_at"),
    "decisions": (decisions, "at"),
    "effects": (effects, "created_at"),
    "letters": (letters, "created_at"),
    "recordings": (recordings, "number"),
    "audit": (audit, "case_seq"),
}


@dataclass(frozen=True)
class CaseFile:
    """Rows as in the ledger, documents opened as plain JSON. ``checkpoints`` oldest first, ``priors`` as compared.

    A checkpoint is ``{n, id, parent_id, step, at, source, nodes, next, state, raw}``: ``nodes`` wrote it, ``next`` run
    next, ``state`` is the graph's, ``raw`` what LangGraph keeps beside it. A prior is ``{case_id, version, hash,
    application}``, its application null where it can no longer be had.
    """

    case: dict[str, Any]
    submissions: Rows
    reviews: Rows
    decisions: Rows
    effects: Rows
    letters: Rows
    recordings: Rows
    audit: Rows
    checkpoints: Rows
    priors: Rows
    versions: Rows = field(default_factory=list)
    redaction: Rows = field(default_factory=list)

    @property
    def id(self) -> str:
        return str(self.case["id"])

    @property
    def erased(self) -> bool:
        return any(ERASED in row["body"] for row in self.submissions)

    @property
    def redacted(self) -> bool:
        return any(row["name"] == REDACTED for row in self.versions)

    def shown(self) -> Rows:
        """The records reviewers were shown, one for each pass of PreOnboarding, oldest first."""
        return [row["shown"] for row in self.reviews if row["stage"] == "review" and ERASED not in row["shown"]]

    def with_(self, **changes: Any) -> "CaseFile":
        return replace(self, **changes)


def collect(tx: Tx, case_id: str, *, history: bool = True) -> CaseFile:
    """The case as the ledger and the graph's memory hold it. ``history`` False leaves the checkpoints out.

    Raises CaseNotFound, TamperedRecord.
    """
    row = case_rows.get(tx, case_id)
    found = {name: opened(tx, table, case_id, order) for name, (table, order) in _ORDER.items()}
    file = CaseFile(
        case=_open(tx, cases, row._asdict()),
        checkpoints=history_of(tx, case_id) if history else [],
        priors=[],
        **found,
    )
    return replace(file, priors=_priors(tx, file))


def opened(tx: Tx, table: Table, case_id: str, order: str) -> Rows:
    """The case's rows of one table, documents opened."""
    query = select(table).where(table.c.case_id == case_id).order_by(table.c[order])
    return [_open(tx, table, row._asdict()) for row in tx.conn.execute(query)]


def _open(tx: Tx, table: Table, row: dict[str, Any]) -> dict[str, Any]:
    sealed = SEALED_IN.get(table.name)
    if sealed is None or row[sealed.column] is None:
        return row
    return row | {sealed.column: tx.codec.load(row[sealed.column], sealed.place(row))}


def history_of(tx: Tx, case_id: str) -> Rows:
    """The case's checkpoints, oldest first. Raises TamperedRecord."""
    log = thread_log(tx, case_id)
    rows: Rows = []
    seen: dict[str, Any] = {}
    for n in reversed(log.checkpoints("")):
        rows.append(checkpoint_row(n, tuple_at(log, n), seen))
        seen = rows[-1]["raw"]["versions_seen"]
    return rows


def checkpoint_row(n: int, found: Any, seen: dict[str, Any]) -> dict[str, Any]:
    """One checkpoint as a row; ``seen`` is what nodes had seen at the one before."""
    checkpoint, metadata = dict(found.checkpoint), dict(found.metadata or {})
    values = checkpoint.pop("channel_values")
    state = {name: value for name, value in values.items() if not name.startswith(("__", "branch:"))}
    now = checkpoint["versions_seen"]
    wrote = sorted(name for name, at in now.items() if not name.startswith("__") and seen.get(name) != at)
    following = (name for name in values if name.startswith(NEXT))
    return {
        "n": n,
        "id": checkpoint["id"],
        "parent_id": (found.parent_config or {}).get("configurable", {}).get("checkpoint_id"),
        "step": metadata.get("step", -1),
        "at": checkpoint["ts"],
        "source": metadata.get("source", ""),
        "nodes": wrote,
        "next": sorted(name.removeprefix(NEXT) for name in following),
        "state": state,
        "raw": {
            **checkpoint,
            "metadata": metadata,
            "internal": [name for name in values if name.startswith(NEXT)],
        },
    }


def _priors(tx: Tx, file: CaseFile) -> Rows:
    """Every prior that any pass compared, once, with its application as it was then."""
    wanted = {
        (ref["case_id"], ref["version"], ref["hash"]): ref
        for shown in file.shown()
        for ref in (shown.get("basis") or {}).get("priors", ())
    }
    return [ref | {"application": _prior(tx, *key)} for key, ref in wanted.items()]


def _prior(tx: Tx, case_id: str, version: int, hash_: str) -> Any:
    query = select(reviews).where(
        reviews.c.case_id == case_id, reviews.c.stage == "review", reviews.c.version == version
    )
    for row in tx.conn.execute(query):
        application = tx.codec.load(row.shown, f"review:{row.id}").get("application")
        if application is not None and digest(application)[:16] == hash_:
            return application
    return None
