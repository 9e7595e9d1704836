"""The shell in this process, against a running product; keyword arguments are further environment."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app

Run = Callable[..., Any]


def shell(house: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """``run("show", id)`` in a folder of its own; keyword arguments are further environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("ONBOARD_", "OPENAI_", "COLUMNS"))]:  # whoever set it
        monkeypatch.delenv(name)

    def call(*words: str, stdin: bytes | str | None = None, **environment: str) -> Any:
        given = {"ONBOARD_URL": house.url, "ONBOARD_TOKEN": house.tokens["root"]}
        given |= {"ONBOARD_DATA_DIR": str(tmp_path / "data")} | environment
        return CliRunner().invoke(app, list(words), input=stdin, env=given, catch_exceptions=False)

    before = logging.root.handlers[:], logging.root.level
    yield call
    logging.root.handlers[:], logging.root.level = before  # `serve` sets up logging for its process


def told(result: Any) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def failed(result: Any, words: str) -> None:
    """One clear line on stderr, nothing on stdout, exit code 1."""
    assert result.exit_code == 1, result.output
    assert result.stderr.strip().count("\n") == 0
    assert words in result.stderr, result.stderr
    assert "Traceback" not in result.output
