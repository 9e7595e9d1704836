"""The policy as data: a versioned file that operators change, read strictly and stamped on every case.

Rules are code; what they compare with is here. The file's schema is this module: an unknown key, a wrong type or an
impossible value is refused with the line it stands on.
"""

import hashlib
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from onboarding.application import EntityType
from onboarding.errors import BadPolicyFile
from onboarding.finding import SEVERITY_OF, Severity

DEFAULT_FILE: Final = Path(__file__).with_name("policy.toml")
REQUIRED_PATHS: Final = frozenset(
    {"address.city", "address.line1", "address.region", "avg_ticket.amount", "bank.account", "bank.holder"}
    | {"business_description", "contact.email", "contact.name", "contact.phone", "country", "entity_type"}
    | {"expected_annual_volume.amount", "incorporation_date", "legal_name", "mcc", "trading_name", "vat_number"}
    | {"transactions_per_month", "website"}
)
"""What ``required.everyone`` may name; the fields with rules of their own (postal_code, tax_id, ...) are not here."""
_ENDING: Final = re.compile(r"[a-z]{2,}|(?:co|com|net|org|ne|or)\.[a-z]{2}")
"""What ``name.*`` may stand for: a top-level domain, or its usual commercial second level (co.uk, com.br)."""

Country = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
Mcc = Annotated[str, Field(pattern=r"^\d{4}$")]
Points = Annotated[int, Field(ge=0, le=100)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=1000)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Mail(_Section):
    """Free mail providers: whole host names, or ``name.*`` for the name under every ending."""

    free_domains: tuple[Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*\.([a-z0-9-]+|\*)$")], ...]


class Prohibited(_Section):
    """What the operator never serves."""

    countries: tuple[Country, ...]
    mccs: tuple[Mcc, ...]


class Thresholds(_Section):
    """Units are in the names; the codes they belong to are named in the file."""

    new_business_days: Annotated[int, Field(ge=0)]
    adult_age: Annotated[int, Field(ge=0, le=120)]
    text_oversize_chars: Annotated[int, Field(ge=1)]
    delivery_delay_days: Annotated[int, Field(ge=0)]
    volume_factor: Annotated[float, Field(gt=1)]
    ownership_max_pct: Percent
    unresolved_pct: Percent
    bank_list_min_entries: Annotated[int, Field(ge=1)]
    duplicate_person_pct: Percent
    duplicate_name_pct: Annotated[float, Field(ge=90, le=100)]
    """Never below 90: the ledger's look-up keys are built to miss nothing from 90 on."""


class ScreeningPolicy(_Section):
    """The bands of policy 6; scores are 0 to 1."""

    strong_name: Fraction
    possible_score: Fraction
    birth_year_penalty: Fraction
    nationality_penalty: Fraction


class Required(_Section):
    """Which fields may be ``missing`` (policy 3). Countries are ISO alpha-2."""

    everyone: tuple[str, ...]
    person: tuple[Literal["dob", "nationality", "national_id"], ...]
    owners: bool
    control_person: bool
    postal_code: Literal["by_country", "always", "never"]
    registration_number_not_in: tuple[Country, ...]
    registration_number_not_for: tuple[EntityType, ...]
    tax_id_in: tuple[Country, ...]
    tax_id_or_vat_in: tuple[Country, ...]

    @model_validator(mode="after")
    def _paths_exist(self) -> Self:
        unknown = sorted(set(self.everyone) - REQUIRED_PATHS)
        if unknown:
            raise ValueError(f"no such field: {', '.join(unknown)}")
        return self


class RiskPolicy(_Section):
    """Points by code, and from how many points on a case is medium or high."""

    medium_from: Points
    high_from: Points
    severity_points: dict[Severity, Points]
    missing_points: Points
    missing_points_max: Points
    points: dict[str, Points]

    @model_validator(mode="after")
    def _codes_exist(self) -> Self:
        unknown = sorted(set(self.points) - set(SEVERITY_OF))
        if unknown:
            raise ValueError(f"no such finding code: {', '.join(unknown)}")
        if self.medium_from > self.high_from:
            raise ValueError("medium_from must not be above high_from")
        return self

    def points_of(self, code: str) -> int:
        """Points one code adds once. Raises KeyError for an unknown code."""
        return self.points.get(code, self.severity_points.get(SEVERITY_OF[code], 0))


class Reason(_Section):
    """A reason for a rejection: what the reviewer picks, and what the merchant may read."""

    label: Annotated[str, Field(min_length=1)]
    merchant_text: Annotated[str, Field(min_length=1)]


class Policy(_Section):
    """One version of the policy. ``digest`` is the SHA-256 of the file's bytes, so equal stamps mean equal rules."""

    version: Annotated[str, Field(min_length=1, max_length=40)]
    mail: Mail
    prohibited: Prohibited
    thresholds: Thresholds
    screening: ScreeningPolicy
    required: Required
    risk: RiskPolicy
    reasons: dict[Annotated[str, Field(pattern=r"^[A-Z][A-Z_]*$")], Reason]
    digest: str = ""

    @property
    def stamp(self) -> str:
        """``version+hash``: what a case records, so that its findings can be explained years later."""
        return f"{self.version}+{self.digest[:12]}"

    def is_free_mail(self, host: str) -> bool:
        """Whether ``host`` (lower case) is a free mail provider's whole host name (policy 2.1)."""
        domains = _free_domains(self.mail)
        name, _, ending = host.partition(".")
        return host in domains or (f"{name}.*" in domains and _ENDING.fullmatch(ending) is not None)

    @classmethod
    @cache
    def default(cls) -> "Policy":
        """The policy that comes with the product."""
        return cls.load(DEFAULT_FILE)

    @classmethod
    def from_document(cls, document: Any) -> "Policy":
        """The policy that was written into a bundle. Raises :class:`BadPolicyFile`."""
        try:
            return cls.model_validate(_tuples(document))
        except ValidationError as error:
            raise BadPolicyFile(f"the recorded policy: {error.errors(include_url=False)[0]['msg']}") from error

    @classmethod
    def load(cls, path: str | Path) -> "Policy":
        """Read a policy file. Raises :class:`BadPolicyFile` naming the file and the line."""
        file = Path(path)
        try:
            raw = file.read_bytes()
            text = raw.decode("utf-8")
            document = _tuples(tomllib.loads(text))
            return cls.model_validate({**document, "digest": hashlib.sha256(raw).hexdigest()})
        except OSError as error:
            raise BadPolicyFile(f"{file.name}: cannot be read ({error.strerror})") from error
        except UnicodeDecodeError as error:
            raise BadPolicyFile(f"{file.name}: is not UTF-8 (byte {error.start})") from error
        except tomllib.TOMLDecodeError as error:
            raise BadPolicyFile(f"{file.name}: {error}") from error
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            line = _line_of(text, first["loc"])
            where = ".".join(str(step) for step in first["loc"]) or "the file"
            raise BadPolicyFile(f"{file.name}, line {line}: {where}: {first['msg']}", line=line) from error


@cache
def _free_domains(mail: Mail) -> frozenset[str]:
    return frozenset(mail.free_domains)


def _tuples(value: Any) -> Any:
    """TOML arrays as tuples: strict mode wants the type it will keep."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _line_of(text: str, loc: tuple[int | str, ...]) -> int:
    """The line of the deepest part of ``loc`` that the file names; 1 where it names none of it."""
    names = [step for step in loc if isinstance(step, str)]
    table: list[str] = []
    best, depth = 1, 0
    for number, line in enumerate(text.splitlines(), start=1):
        if header := re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line):
            table = [part.strip("\"' ") for part in header[1].split(".")]
            here = table
        elif key := re.match(r"\s*[\"']?([\w.-]+)[\"']?\s*=", line):
            here = [*table, key[1]]
        else:
            continue
        if len(here) > depth and here == names[: len(here)]:
            best, depth = number, len(here)
    return best
