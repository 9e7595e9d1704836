"""A setting whose name is mistyped is not passed over: every process that reads the environment says so, and stops."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from dotenv import dotenv_values

from onboarding.settings import BESIDE, PREFIX, UNPREFIXED, BadSettings, Settings

ROOT = Path(__file__).parent.parent
NAMES = [UNPREFIXED.get(name, PREFIX + name.upper()) for name in Settings.model_fields]


def slips(name: str) -> set[str]:
    """The name with a letter left out, doubled, or in the other's place."""
    after = range(len(PREFIX), len(name))
    swapped = {
        name[:n] + second + first + name[n + 2 :]
        for n, (first, second) in enumerate(pairwise(name))
        if n >= len(PREFIX)
    }
    return swapped | {name[:n] + name[n + 1 :] for n in after} | {name[:n] + name[n] + name[n:] for n in after}


@pytest.mark.parametrize("name", [*(name for name in NAMES if name.startswith(PREFIX)), *BESIDE])
def test_no_slip_of_the_pen_goes_unnoticed(name):
    for slip in slips(name) - {*NAMES, *BESIDE}:
        with pytest.raises(BadSettings, match=rf"{slip} is not a setting; did you mean ONBOARD_"):
            Settings.from_environment({slip: "1"})


@pytest.mark.parametrize(
    "given, meant",
    [
        ("ONBOARD_DATABSE_URL", "ONBOARD_DATABASE_URL"),
        ("ONBOARD_REVIEWER", "ONBOARD_REVIEWERS"),
        ("onboard_database_url", "ONBOARD_DATABASE_URL"),
        ("ONBOARD_TOKNE", "ONBOARD_TOKEN"),
        ("ONBORD_DATA_DIR", "ONBOARD_DATA_DIR"),
        ("ONBOARDDATABASE_URL", "ONBOARD_DATABASE_URL"),
    ],
)
def test_it_says_which_was_meant(given, meant):
    for value in ("x", ""):
        with pytest.raises(BadSettings) as refused:
            Settings.from_environment({"PATH": "/bin", given: value})
        assert refused.value.detail == f"{given} is not a setting; did you mean {meant}?"


def test_what_others_call_theirs_is_neither_refused_nor_told(caplog):
    theirs = ("OPENAI_BASE_URLS", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OPENAI_API_KEY_2", "BOARD_TOKEN", "ONBUILD")
    Settings.from_environment(dict.fromkeys(theirs, "x"))
    assert caplog.records == []


@pytest.mark.parametrize(
    "name, given",
    [
        ("ONBOARD_DATABASE_URL", "mysql://x/y"),
        ("ONBOARD_DATABASE_URL", "postgres://x/y"),
        ("ONBOARD_PUBLIC_URL", "desk.example"),
        ("ONBOARD_SVC1_URL", "foo"),
        ("ONBOARD_SVC2_URL", "http://"),
        ("OPENAI_BASE_URL", "ftp://models.example"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
        ("ONBOARD_TRUSTED_PROXIES", "proxy.example"),
    ],
)
def test_an_address_that_is_none_is_refused_by_its_name(name, given):
    with pytest.raises(BadSettings, match=rf"^{name}: (it must be|'proxy)"):
        Settings.from_environment({name: given})


def test_a_name_that_is_like_none_is_told_and_stops_nothing(caplog):
    Settings.from_environment({"ONBOARD_IMAGE_TAG": "7"})
    assert [record.getMessage() for record in caplog.records] == [
        "ONBOARD_IMAGE_TAG is not a setting: it changes nothing"
    ]


@pytest.mark.parametrize("service", ["ONBOARD", "ONBOARD_MODEL", "ONBOARD_SVC1", "ONBOARD_PREFECT", "ONBOARD_SMTP"])
def test_what_a_cluster_tells_of_its_services_is_no_setting_and_nothing_to_tell(caplog, service):
    of_one = ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT")
    of_port = ("PORT_80_TCP", "PORT_80_TCP_PROTO", "PORT_80_TCP_PORT", "PORT_80_TCP_ADDR")
    Settings.from_environment({f"{service}_{name}": "tcp://10.0.0.1:80" for name in (*of_one, *of_port)})
    assert caplog.records == []


def test_everything_that_we_set_ourselves_is_known(caplog):
    example = dotenv_values(ROOT / "deploy" / "onboard.env.example")
    words = " ".join((ROOT / name).read_text() for name in ("compose.yaml", "Dockerfile", "Makefile", ".ci/run"))
    ours = dict.fromkeys([*example, *re.findall(r"ONBOARD_\w+", words)], "")
    Settings.from_environment(ours)
    assert caplog.records == []


COMMANDS = (
    ["api", "serve"],
    ["api", "cases"],
    ["flows.worker"],
    ["flows.deploy"],
    ["flows.server"],
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_process_says_so_in_one_line_and_ends(command, tmp_path):
    environment = dict(os.environ) | {"ONBOARD_DATABSE_URL": "postgresql://x/y", "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "-m", *command], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 1, ended.stderr
    assert ended.stderr.strip().endswith("ONBOARD_DATABSE_URL is not a setting; did you mean ONBOARD_DATABASE_URL?")
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == [], "nothing was made"


def test_a_line_of_the_env_file_counts_as_well(tmp_path):
    (tmp_path / ".env").write_text("ONBOARD_WATCHLST=list.jsonl\n")
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "api", "cases"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert "did you mean ONBOARD_WATCHLIST?" in ended.stderr
