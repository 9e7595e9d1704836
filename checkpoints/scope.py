"""Whose cases a caller may see. A backend's client: those it submitted itself, here. Everybody else: all.

Another client's case is to a client what an unknown one is: the same statement finds neither.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, bindparam, select

from checkpoints import cases as rows
from checkpoints import matches
from checkpoints.casefile import CaseFile
from checkpoints.database import Tx
from checkpoints.lookup import Lookup
from checkpoints.prepared import Prepared
from checkpoints.schema import cases
from onboarding.errors import CaseNotFound, Forbidden
from onboarding.finding import Finding, cited, cited_case, unquoted

_MINE: Final = and_(
    cases.c.id == bindparam("of_case"), cases.c.client == bindparam("of_client"), cases.c.copied_from.is_(None)
)
_CASE: Final = Prepared(select(cases).where(_MINE))
_STATUS: Final = Prepared(select(cases.c.status).where(_MINE))


def of(client: str) -> ColumnElement[bool]:
    """The client's own cases. A copy from another installation is nobody's: its client had that name there."""
    return and_(cases.c.client == client, cases.c.copied_from.is_(None))


def among(tx: Tx, client: str | None, q: str | None, lookup: Lookup) -> list[ColumnElement[bool]]:
    """What a list asks of a case: that the client may see it, and that it is one of those ``q`` looks for."""
    mine = [of(client)] if client is not None else []
    return [*mine, matches.search(tx, q, lookup.terms(q), mine)] if q else mine


def owns(row: Any, client: str | None) -> bool:
    """Whether the client (None: whoever sees all) may see the case of this row."""
    return client is None or (row.client == client and row.copied_from is None)


def get(tx: Tx, case_id: str, client: str | None) -> Any:
    """The case's row, if the client (None: whoever sees all) may see it. Raises CaseNotFound."""
    if client is None:
        return rows.get(tx, case_id)
    row = _CASE.first(tx, of_case=case_id, of_client=client)
    if row is None:
        raise CaseNotFound()
    return row


def status_of(tx: Tx, case_id: str, client: str | None) -> str:
    """Only the status, on the same terms. Raises CaseNotFound."""
    if client is None:
        return rows.status_of(tx, case_id)
    status: str | None = _STATUS.scalar(tx, of_case=case_id, of_client=client)
    if status is None:
        raise CaseNotFound()
    return status


def of_others(tx: Tx, case_ids: Collection[str], client: str) -> set[str]:
    """Those of these cases that the client may not see, or that are not here any more."""
    mine = select(cases.c.id).where(cases.c.id.in_(sorted(case_ids)), of(client))
    return set(case_ids) - set(tx.conn.scalars(mine))


def findings(tx: Tx, found: list[Finding], client: str | None) -> list[Finding]:
    """The findings as the client may read them: what they quote of another client's case is left out."""
    if client is None or not (known := cited(found)):
        return found
    return unquoted(found, of_others(tx, known, client))


def summary(written: str, findings: list[Finding], readable: list[Finding]) -> str:
    """The summary in the words of the findings as the client may read them."""
    for found, told in zip(findings, readable, strict=True):
        written = written.replace(found.message, told.message) if found.message != told.message else written
    return written


def file(tx: Tx, found: CaseFile, client: str | None) -> CaseFile:
    """The case's file as the client may take it away: of the cases it was compared with only the client's own.

    Raises Forbidden where the record itself quotes another client's case: what is hashed is never rewritten.
    """
    if client is None:
        return found
    documents = (found.case, found.reviews, found.checkpoints)
    quoted = {case_id for document in documents for case_id in _quoted(document)}
    others = of_others(tx, quoted | {row["case_id"] for row in found.priors}, client)
    if quoted & others:
        raise Forbidden("The findings of this case quote a case that is not yours; a reviewer can take its file.")
    return replace(
        found, priors=[row | {"application": None} if row["case_id"] in others else row for row in found.priors]
    )


def _quoted(document: Any) -> Iterator[str]:
    """Every case that stands as a source anywhere in the document."""
    for value in document.values() if isinstance(document, dict) else document if isinstance(document, list) else ():
        yield from _quoted(value)
    if isinstance(document, dict) and (case_id := cited_case(document.get("source"))):
        yield case_id
