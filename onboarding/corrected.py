"""What reviewers' corrections changed: by the source of what stands there now, and by what is there no more."""

from collections.abc import Mapping
from datetime import date

from onboarding.decision import BINDING_CORRECTIONS
from onboarding.reading.result import FieldSource
from onboarding.rules import HERE, Rules
from onboarding.submission import Submission


async def corrected(
    submission: Submission, provenance: Mapping[str, FieldSource], *, as_of: date, rules: Rules = HERE
) -> list[str]:
    """The paths that a correction made on this case touches, and the binding fields that it alone makes different.

    A correction that empties a field leaves no source behind, so what reads differently without the corrections
    counts as well. Raises RulesGaveUp.
    """
    stated = [path for path, source in provenance.items() if source.source.startswith("correction")]
    others = [part for part in submission.parts if part.kind != "corrections"]
    if len(others) == len(submission.parts):
        return stated
    after = (await rules.read(submission, as_of=as_of)).application
    before = (await rules.read(submission.model_copy(update={"parts": others}), as_of=as_of)).application
    return stated + [name for name in BINDING_CORRECTIONS if getattr(after, name) != getattr(before, name)]
