"""What every posted form of ours is held to, whichever page it came from."""

import re
from typing import Final

from starlette.datastructures import FormData

from onboarding.errors import BadInput
from onboarding.letters.words import as_line

SEVERAL: Final = re.compile(r"reason_codes|ask|case|documents|persons\[\d{1,2}\]\.roles")
"""Fields that are ticked or chosen more than once; of every other a page of ours sends one."""


def said_twice(form: FormData) -> BadInput | None:
    """The field that is there twice: of two buttons nobody knows which was meant, so neither is taken."""
    seen: set[str] = set()
    for name, _ in form.multi_items():
        if name in seen and not SEVERAL.fullmatch(name):
            field = as_line(name, 100)
            return BadInput(f"{field}: the form says this more than once, so nothing was done.", field=field)
        seen.add(name)
    return None
