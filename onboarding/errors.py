"""One family of errors. The docstring is the message, ``code`` is stable; ``api/problems.py`` maps it to HTTP."""

from typing import Any


class OnboardingError(Exception):
    """Something went wrong."""

    code = "internal_error"

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        self.detail = detail or (type(self).__doc__ or "").split("\n")[0]
        self.extra = extra
        super().__init__(self.detail)


class BadInput(OnboardingError):
    """The input cannot be read."""

    code = "bad_input"


class BadPolicyFile(BadInput):
    """The policy file is not valid."""

    code = "bad_policy_file"


class InvalidDecision(BadInput):
    """The decision's body is not valid; the review still waits."""

    code = "invalid_decision"


class CaseNotFound(OnboardingError):
    """There is no such case."""

    code = "case_not_found"


class IdempotencyKeyReused(OnboardingError):
    """This idempotency key was used before with another body."""

    code = "idempotency_key_reused"


class Conflict(OnboardingError):
    """The case is not in a state that allows this."""

    code = "conflict"


class AlreadyDecided(Conflict):
    """This review was decided already."""

    code = "already_decided"


class CaseChanged(Conflict):
    """The case changed since this review was shown; look again."""

    code = "case_changed"


class CaseReassigned(Conflict):
    """Somebody else has taken this case; the links of your letter decide nothing while they have it."""

    code = "case_reassigned"


class NotWaiting(Conflict):
    """Nothing waits for this on the case now."""

    code = "not_waiting"


class LeaseLost(Conflict):
    """Another runner took this case over; what this one still writes is refused."""

    code = "lease_lost"


class Forbidden(OnboardingError):
    """You may not do this."""

    code = "forbidden"


class FourEyes(Forbidden):
    """A second approval must come from another person than the first."""

    code = "four_eyes"


class SignInRefused(Forbidden):
    """The provider's answer does not hold. Begin the sign-in again."""

    code = "sign_in_refused"


class ProviderUnavailable(OnboardingError):
    """The sign-in provider cannot be reached, or does not answer as it should. Nothing happened; try again later."""

    code = "sign_in_unavailable"


class Unauthorized(OnboardingError):
    """A valid bearer token is required."""

    code = "unauthorized"


class LinkExpired(OnboardingError):
    """This link is no longer valid."""

    code = "link_expired"


class LinkUnknown(OnboardingError):
    """This link is not known."""

    code = "link_unknown"


class StorageUnavailable(OnboardingError):
    """The storage cannot take writes now; nothing was stored, try again."""

    code = "storage_unavailable"


class ServiceUnavailable(OnboardingError):
    """An outside service did not answer in time; the outcome may be unknown."""

    code = "service_unavailable"


class ServiceRefused(OnboardingError):
    """An outside service refused for good."""

    code = "service_refused"


class GateRefused(OnboardingError):
    """Activation refused: the recorded decisions do not cover exactly this data."""

    code = "gate_refused"


class TamperedRecord(OnboardingError):
    """A stored record fails its integrity check."""

    code = "tampered_record"


class ReviewTampered(TamperedRecord):
    """What was shown in this review is not what is stored any more; the case is set aside for an operator."""

    code = "review_tampered"


class UnknownGraphVersion(OnboardingError):
    """This case waits in a graph version the running code does not know."""

    code = "unknown_graph_version"


class OtherInstallation(OnboardingError):
    """This process is not set up like the others on its ledger."""

    code = "other_installation"


class NewerLedger(OnboardingError):
    """Newer code has brought this ledger to a schema that this code cannot work with."""

    code = "newer_ledger"


class DataDirInUse(OnboardingError):
    """Another process owns this data directory."""

    code = "data_dir_in_use"


class RecordingMissing(OnboardingError):
    """What is needed to replay this was not recorded."""

    code = "recording_missing"
