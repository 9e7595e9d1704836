"""Prompts are files: an id and a version in front, then what the model is told. A test pins their hashes."""

import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

_FRONT: Final = re.compile(r"---\nid: (?P<id>[a-z_]+)\nversion: (?P<version>\d+)\n---\n(?P<text>.+)\Z", re.DOTALL)


class Prompt(NamedTuple):
    """``digest`` is the SHA-256 of the whole file: what a recorded call says it was asked with."""

    id: str
    version: str
    text: str
    digest: str

    @property
    def author(self) -> str:
        """How findings and provenance name what came of this prompt: ``model:<id>@<version>``."""
        return f"model:{self.id}@{self.version}"


@cache
def load_prompt(name: str) -> Prompt:
    """The prompt in ``agents/prompts/<name>.md``. Raises ValueError for a file without its front matter."""
    raw = (files("agents") / "prompts" / f"{name}.md").read_text("utf-8")
    found = _FRONT.fullmatch(raw)
    if found is None:
        raise ValueError(f"prompts/{name}.md has no id and version in front")
    return Prompt(found["id"], found["version"], found["text"].strip(), hashlib.sha256(raw.encode()).hexdigest())


def fenced(text: str, what: str) -> str:
    """``text`` between marks that it cannot forge: they carry a hash of it. Everything inside is data."""
    mark = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    return f"<<<UNTRUSTED {what} {mark}\n{text}\nUNTRUSTED {what} {mark}>>>"
