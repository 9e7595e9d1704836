"""The seam between readers of inputs and readers of fields.

A reader of an input (JSON, CSV, labelled text, prose, MIME, PDF) only says *what stands where*: it yields
candidates. Normalising, choosing between candidates, conflicts and proposals happen once, in ``assemble.py``.
"""

from typing import Final

from pydantic import JsonValue

from onboarding.model import Value

CORRECTION: Final = "correction"
"""How the label begins of a value that the writer states in place of one he took back."""
ONE_ONLY: Final = frozenset(["registration_number", "vat_number", "tax_id", "bank.iban"])
"""Numbers of which a merchant has one: another one in the same text contradicts it, and is no second address."""


class Candidate(Value):
    """Something that may be the value of ``path``, as written.

    ``path`` is a canonical path (``legal_name``, ``persons[0].dob``, ``bank.iban``) or one of the composites that
    ``assemble.py`` takes apart: ``address`` (a whole address in one string), ``expected_annual_volume`` and
    ``avg_ticket`` (amount with currency, period, range or multiplier still in it), ``persons[i].ownership_pct``
    and ``persons[i].roles`` as written. ``label`` is the label or phrase it stood under (it may carry the period or
    the currency); ``where`` as in Evidence; ``confidence`` 0 to 1.
    """

    path: str
    raw: JsonValue
    source: str
    where: str | None = None
    label: str | None = None
    confidence: float = 1.0
