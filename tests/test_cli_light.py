"""The shell starts at once: a command that only calls the service loads nothing of what the service is made of."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"alembic", "fastapi", "langchain_core", "langgraph", "langsmith", "sqlalchemy", "starlette", "uvicorn"}
RUN = """
import atexit, json, sys
atexit.register(lambda: sys.stderr.write("\\n" + json.dumps(sorted({name.split(".")[0] for name in sys.modules}))))
from api.cli import main
sys.argv = ["onboard", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["cases", "--json"],
        ["show", "0"],
        ["decide", "0", "approve"],
        ["release", "0"],
        ["erase", "0", "--yes"],
        ["checkpoints", "list", "0"],
        ["token", "create", "--help"],
        ["checkpoints", "replay", "--help"],
        ["audit", "verify", "--help"],
    ],
    ids=" ".join,
)
def test_what_only_calls_the_service_loads_no_part_of_it(command, tmp_path):
    """No service answers here: the call itself is made, and told to have failed."""
    env = {"PATH": os.environ["PATH"], "ONBOARD_URL": "http://127.0.0.1:1", "ONBOARD_TOKEN": "t"}
    env["PYTHONPATH"] = str(Path(__file__).parent.parent)
    ran = subprocess.run([sys.executable, "-c", RUN, *command], capture_output=True, text=True, cwd=tmp_path, env=env)
    assert ran.returncode == (0 if "--help" in command else 1), ran.stderr
    assert "--help" in command or "No service answers" in ran.stderr
    loaded = set(json.loads(ran.stderr.splitlines()[-1]))
    assert "typer" in loaded
    assert not loaded & HEAVY
