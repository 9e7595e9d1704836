"""Every knob, one sentence each. Only entry points read the environment; the rest is handed this frozen model."""

import logging
import re
from collections.abc import Mapping, Set
from decimal import Decimal
from email.utils import parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator

from onboarding.errors import OnboardingError
from onboarding.model import Value
from onboarding.nearest import nearest

PREFIX = "ONBOARD_"
UNPREFIXED = {
    "openai_api_key": "OPENAI_API_KEY",
    "openai_base_url": "OPENAI_BASE_URL",
    "otel_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
}


BESIDE = ("ONBOARD_URL", "ONBOARD_TOKEN", "ONBOARD_SITE", "ONBOARD_DB_PASSWORD")
"""Variables that are no settings: of the shell's client, and of compose.yaml."""
OF_A_CLUSTER = re.compile(r".*_SERVICE_(HOST|PORT(_\w+)?)|.*_PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?")
"""What Kubernetes tells every container of the services beside it, one of which may be called ``onboard``."""
ALIKE = 0.9
"""From here on two names are one with a slip of the pen: 1 is letter by letter."""
_log = logging.getLogger("onboard.settings")


class BadSettings(OnboardingError):
    """The environment holds a setting that cannot be used."""

    code = "bad_settings"


def _refuse_mistyped(environment: Mapping[str, str], known: Set[str]) -> None:
    """Raises BadSettings for a name that is nearly one of ``known``; of any other that is none, the log tells."""
    own = [name for name in known if name.startswith(PREFIX)]  # others' names may well be like others' names
    for name in sorted(environment):
        ours = name.upper().startswith(PREFIX)
        if name in known or not name.upper().startswith(PREFIX[0]) or OF_A_CLUSTER.fullmatch(name):
            continue
        if meant := nearest(name, known if ours else own, ALIKE):
            raise BadSettings(f"{name} is not a setting; did you mean {meant}?")
        if ours:
            _log.warning("%s is not a setting: it changes nothing", name[:200])


def _parts(given: str) -> list[str]:
    return [part.strip() for part in given.split(",") if part.strip()]


class Settings(Value):
    """All optional. The environment variable is the name in capitals behind ``ONBOARD_``, but for UNPREFIXED."""

    data_dir: Path = Field(default=Path("var"), description="Folder of everything this process keeps.")
    database_url: str | None = Field(
        default=None, description="`postgresql://…`; default: the SQLite file in the data folder."
    )
    database_pool: int = Field(
        default=16, ge=2, le=500, description="Transactions at once on PostgreSQL; it takes five connections more."
    )
    public_url: str = Field(default="http://127.0.0.1:8000", description="Where people reach this service, for links.")
    trusted_proxies: str = Field(
        default="",
        description="Addresses and networks of proxies whose `X-Forwarded-For` says where a request comes from.",
    )
    secret_key: str | None = Field(default=None, description="Signs links and look-ups; default: made once and kept.")
    encryption_key: str | None = Field(
        default=None,
        description="Key ids and base64 keys (`id:key,id:key`, first is current) that seal what is stored.",
    )
    svc1_url: str | None = Field(default=None, description="Base URL of SVC1; default: the built-in sandbox.")
    svc2_url: str | None = Field(default=None, description="Base URL of SVC2; default: the built-in sandbox.")
    smtp_url: str | None = Field(
        default=None, description="`smtp://user:pass@host:port` or `smtps://…`; default: letters are kept as files."
    )
    mail_from: str = Field(default="onboarding@localhost", description="Sender of every letter.")
    reviewers: str = Field(default="", description="Addresses, comma-separated, that get approval requests.")
    oidc_issuer: str | None = Field(
        default=None,
        description="Issuer URL of the provider where people may sign in; default: by e-mailed link alone.",
    )
    oidc_client_id: str | None = Field(default=None, description="What this service is called at that provider.")
    oidc_client_secret: str | None = Field(default=None, description="The secret it shares with that provider.")
    watchlist: Path | None = Field(default=None, description="Screening list, JSON lines; default: none is screened.")
    policy: Path | None = Field(default=None, description="Policy file; default: the built-in policy.")
    model: str | None = Field(default=None, description="Chat model name; default: the agents work by rules alone.")
    openai_api_key: str | None = Field(default=None, description="Key of the model endpoint.")
    openai_base_url: str | None = Field(default=None, description="Base URL of an OpenAI-compatible endpoint.")
    model_schema: Literal["json_schema", "json_object", "text"] = Field(
        default="json_schema", description="How the endpoint is told the shape of an answer; older ones know less."
    )
    model_calls: int = Field(default=40, ge=1, description="Calls to the model a case may cost, retries included.")
    model_tokens: int = Field(default=200_000, ge=1, description="Tokens a case may cost, in and out together.")
    model_cost: Decimal = Field(default=Decimal(1), ge=0, description="Money a case may cost, in the prices' currency.")
    model_seconds: float = Field(default=180, gt=0, description="Time a case may wait for the model, all in all.")
    model_timeout_seconds: float = Field(default=60, gt=0, description="Longest single call to the model.")
    model_attempts: int = Field(default=3, ge=1, le=10, description="Tries of one call that brought nothing back.")
    model_turns: int = Field(default=4, ge=1, le=20, description="Turns of one investigation.")
    model_concurrency: int = Field(default=8, ge=1, le=1000, description="Calls to the model at once in this process.")
    model_prices: Path | None = Field(default=None, description="Price table of models; default: the built-in one.")
    model_website: bool = Field(default=False, description="Whether the investigation may read merchants' websites.")
    engine: Literal["local", "prefect", "procrastinate"] = Field(
        default="local", description="What gets cases advanced: this process, Prefect, or Procrastinate."
    )
    prefect_api_url: str = Field(default="http://127.0.0.1:4200/api", description="API of the Prefect server.")
    prefect_auth: str | None = Field(default=None, description="`user:password` that the Prefect server asks for.")
    prefect_ui_url: str | None = Field(
        default=None, description="Where people reach Prefect's pages; a case then links to its flow runs."
    )
    limit_cases: int | None = Field(
        default=None, ge=1, description="Cases advanced at once in all workers together (Prefect); default: no limit."
    )
    limit_svc1: int | None = Field(
        default=None, ge=1, description="Calls to SVC1 at once in all workers together (Prefect); default: no limit."
    )
    limit_svc2: int | None = Field(
        default=None, ge=1, description="Calls to SVC2 at once in all workers together (Prefect); default: no limit."
    )
    limit_model: int | None = Field(
        default=None, ge=1, description="Calls to the model at once in all workers (Prefect); default: no limit."
    )
    prefect_notify: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9-]+/[A-Za-z0-9-]+$",
        description="Notification block in Prefect (`type/name`) that hears of failed activations; default: none.",
    )
    concurrency: int = Field(default=16, ge=1, le=1000, description="Cases advanced at once in this process.")
    lease_seconds: float = Field(
        default=15, gt=0, description="How long a process that hangs keeps the cases it runs (PostgreSQL)."
    )
    worker_address: str = Field(
        default="127.0.0.1:0", description="Where a worker shows health and metrics; port 0 takes a free one."
    )
    sweep_seconds: float = Field(default=2.0, gt=0, description="How often due work, waits and letters are looked for.")
    review_hours: float = Field(default=48, gt=0, description="Due time of a review.")
    reminder_hours: float = Field(
        default=12, gt=0, description="How long before a review's due time who has it is reminded."
    )
    escalation_hours: float = Field(
        default=24, gt=0, description="How long after a review's due time senior reviewers are told."
    )
    review_expiry_days: float | None = Field(
        default=None, gt=0, description="How long after its due time an undecided review expires; default: never."
    )
    notice_days: float = Field(
        default=30, gt=0, description="When a merchant whose application is still undecided is told so."
    )
    information_days: float = Field(default=30, gt=0, description="How long a merchant has to answer a request.")
    information_reminder_days: float = Field(
        default=7, gt=0, description="How long before a request expires the merchant is reminded of it."
    )
    self_service: bool = Field(
        default=True, description="Whether merchants may apply, follow their case and answer on pages of this service."
    )
    draft_days: float = Field(default=30, gt=0, description="How long an application that was begun is kept unsent.")
    merchant_link_days: float = Field(default=90, gt=0, description="How long a merchant's link to their case lives.")
    link_hours: float = Field(default=72, gt=0, description="How long the links of an approval letter live.")
    seal_seconds: float = Field(default=60, gt=0, description="How often the audit trail of all cases is sealed.")
    checkpoint_days: float = Field(
        default=90, gt=0, description="How long a closed case keeps all its checkpoints; then only the last."
    )
    activation_patience_minutes: float = Field(
        default=60, gt=0, description="How long an unreachable SVC1 or SVC2 is asked again before a person is."
    )
    service_deadline_seconds: float = Field(default=60, gt=0, description="Deadline of one call to SVC1 or SVC2.")
    otel_endpoint: str | None = Field(
        default=None, description="Base URL of an OTLP/HTTP collector that gets spans; default: nothing is traced."
    )
    tracing_share: float = Field(
        default=1.0, ge=0, le=1, description="Share of traces that is kept where the caller does not say."
    )
    max_body_bytes: int = Field(default=5_000_000, gt=0, description="Largest request body.")
    rule_processes: int = Field(
        default=2, ge=0, le=64, description="Processes that read and check applications; 0: the service does it itself."
    )
    rule_seconds: float = Field(
        default=30, gt=0, description="CPU time after which reading or checking an application is left to a person."
    )
    max_attempts: int = Field(default=3, ge=1, description="Tries of one step before the case is set aside.")
    fault: str | None = Field(default=None, description="Test only: `point:n` kills the process there.")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, given: str) -> str:
        for part in _parts(given):
            try:
                ip_network(part)
            except ValueError as error:
                raise ValueError(f"{part!r} is neither an address nor a network ({error})") from None
        return given

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, given: str | None) -> str | None:
        if given and not given.startswith(("postgresql://", "sqlite:///")):
            raise ValueError("it must begin with postgresql://")
        return given

    @field_validator(
        "public_url", "svc1_url", "svc2_url", "openai_base_url", "prefect_api_url", "prefect_ui_url", "otel_endpoint"
    )
    @classmethod
    def _is_a_web_address(cls, given: str | None) -> str | None:
        if given:
            found = urlsplit(given)
            if found.scheme not in ("http", "https") or not found.hostname:
                raise ValueError("it must be an address such as https://name.example")
        return given

    @property
    def database(self) -> str:
        """The URL that is in force."""
        return self.database_url or f"sqlite:///{self.data_dir / 'onboard.db'}"

    @property
    def proxies(self) -> list[str]:
        """The trusted proxies, each an address or a network."""
        return _parts(self.trusted_proxies)

    @property
    def reviewer_addresses(self) -> list[str]:
        """The bare addresses, each once: a person is known by it, whatever name stands beside it."""
        parts = [parseaddr(part)[1] or part for part in _parts(self.reviewers)]
        return list({part.lower(): part for part in reversed(parts)}.values())[::-1]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings. Raises BadSettings naming the variable, also one that is a setting's name mistyped."""
        names = {name: UNPREFIXED.get(name, PREFIX + name.upper()) for name in cls.model_fields}
        _refuse_mistyped(environment, {*names.values(), *BESIDE})
        values = {name: environment[variable] for name, variable in names.items() if environment.get(variable)}
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            name = names.get(str(first["loc"][0]), str(first["loc"][0])) if first["loc"] else "the environment"
            raise BadSettings(f"{name}: {first['msg'].removeprefix('Value error, ')}") from error
