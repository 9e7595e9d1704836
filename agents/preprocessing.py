"""Preprocessing: whatever came in becomes one canonical application, with the source of every field."""

from datetime import date

from langchain_core.language_models.chat_models import BaseChatModel

from onboarding.reading.read import read
from onboarding.reading.result import Reading
from onboarding.submission import Submission


async def preprocess(submission: Submission, *, as_of: date, model: BaseChatModel | None = None) -> Reading:
    """Read all parts of ``submission`` by rules. ``as_of`` is today for every rule (dates, ages)."""
    return read(submission, as_of=as_of)
