"""What the commands share: settings from the environment, errors as one line, data as JSON or as a page."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Final

import typer
from dotenv import dotenv_values
from rich.console import Console
from rich.text import Text

from api.client import CallFailed, Client, token_of
from onboarding.errors import OnboardingError
from onboarding.letters.words import as_line
from onboarding.settings import Settings

NO_TERMINAL: Final = 200
"""Characters of a line where nobody's terminal gives the width: a file or a pipe has room for every column."""


class Out:
    """Standard output, as wide as the terminal is at the moment of printing."""

    def print(self, *shown: Any, **options: Any) -> None:
        """As rich's console prints."""
        given = sys.stdout.isatty() or os.environ.get("COLUMNS")
        Console(soft_wrap=True, width=None if given else NO_TERMINAL).print(*shown, **options)


out = Out()
err = Console(stderr=True, soft_wrap=True)
Json = Annotated[bool, typer.Option("--json", help="Print data as JSON.")]


def settings_of() -> Settings:
    """The environment over ``.env``: the only place where either is read."""
    values = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return Settings.from_environment(values | dict(os.environ))


@contextmanager
def told() -> Iterator[None]:
    """Errors of ours as one line on stderr and exit code 1."""
    try:
        yield
    except (OnboardingError, CallFailed, OSError) as error:
        complain("error", getattr(error, "detail", None) or _of_a_file(error) or str(error))
        raise typer.Exit(1) from None


def _of_a_file(error: Exception) -> str | None:
    """``FILE: No such file or directory``, without the number that the system gives it."""
    if not isinstance(error, OSError) or error.filename is None:
        return None
    return f"{error.filename}: {error.strerror}"


def complain(kind: str, what: str) -> None:
    """One line on stderr; what a merchant or a server wrote is text and never markup."""
    err.print(Text(f"{kind}:", style="red").append(f" {as_line(what, 1000)}", style="default"))


@contextmanager
def service() -> Iterator[Client]:
    """A client of the running service. Raises typer.Exit with the error told."""
    with told():
        settings = settings_of()
        url = os.environ.get("ONBOARD_URL", "http://127.0.0.1:8000").rstrip("/")
        with Client(url, token_of(settings, os.environ.get("ONBOARD_TOKEN"))) as client:
            yield client


def present(data: Any, as_json: bool, shown: Any) -> None:
    """``data`` as JSON, or ``shown`` for people."""
    if as_json:
        sys.stdout.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
    else:
        out.print(shown)
