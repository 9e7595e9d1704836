"""The image and the compose file as far as they can be checked without an engine: lint, configuration, steps."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from api.cli import app
from graph.metrics import Metrics
from onboarding.settings import PREFIX, UNPREFIXED, Settings

ROOT = Path(__file__).parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
EXAMPLE = (ROOT / "deploy" / "onboard.env.example").read_text()
OURS = {UNPREFIXED.get(name, PREFIX + name.upper()) for name in Settings.model_fields}
THEIRS = {
    *("POSTGRES_PASSWORD", "ONBOARD_DB_PASSWORD", "PREFECT_DB_PASSWORD", "ONBOARD_SITE"),
    "PREFECT_API_DATABASE_CONNECTION_URL",
}
"""Variables that others read: the database's image, our script in it, Caddy, Prefect's server."""


@pytest.mark.parametrize(
    "module, given, words",
    [
        ("flows.deploy", {"ONBOARD_PREFECT_API_URL": "http://127.0.0.1:1/api"}, "no Prefect server answers at"),
        ("flows.deploy", {"ONBOARD_ENGINE": "cron"}, "ONBOARD_ENGINE: "),
        ("flows.worker", {"ONBOARD_ENGINE": "cron"}, "ONBOARD_ENGINE: "),
    ],
)
def test_what_an_operator_starts_says_in_one_line_what_stands_in_the_way(module, given, words, tmp_path):
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)} | given
    command = [sys.executable, "-W", "ignore", "-m", module]
    made = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert made.returncode == 1
    assert made.stderr.splitlines()[-1].startswith(f"error: {words}")
    assert "Traceback" not in made.stderr


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as ``(INSTRUCTION, rest)``, lines joined, comments gone."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(head, rest) for head, _, rest in (line.partition(" ") for line in joined.splitlines() if line.strip())]


def of(name: str) -> list[str]:
    return [rest for head, rest in instructions() if head == name]


def variables() -> dict[str, str]:
    return dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", EXAMPLE, re.MULTILINE))


def images() -> list[str]:
    built = [rest.split(" AS ")[0] for rest in of("FROM")]
    return [*built, *(service["image"] for service in SERVICES.values())]


# lint


@pytest.mark.parametrize("image", sorted(set(images())))
def test_every_image_is_named_with_an_exact_version_and_without_a_host(image):
    name, _, tag = image.partition(":")
    assert re.match(r"\d+\.\d+", tag), f"{image}: no exact version"
    assert "latest" not in tag
    assert "." not in name.split("/")[0]


def test_the_image_runs_as_nobody_in_particular():
    last = max(number for number, (head, _) in enumerate(instructions()) if head == "FROM")
    users = [rest for head, rest in instructions()[last:] if head == "USER"]
    assert len(users) == 1
    assert all(int(part) >= 10_000 for part in users[0].split(":"))
    heads = [head for head, _ in instructions()[last:]]
    assert heads.index("USER") < heads.index("CMD")
    assert "RUN" not in heads[heads.index("USER") :]


def test_the_dockerfile_has_none_of_the_known_mistakes():
    assert not of("ADD"), "COPY copies, ADD fetches and unpacks"
    assert not of("MAINTAINER")
    assert len(of("HEALTHCHECK")) == len(of("CMD")) == 1
    assert all(rest.startswith("[") for rest in of("CMD")), "the exec form gets the signals"
    assert all(rest.partition("CMD ")[2].startswith("[") for rest in of("HEALTHCHECK"))
    for run in of("RUN"):
        assert not re.search(r"\bsudo\b|\bcurl\b|\bwget\b|apt-get (?!.*--no-install-recommends)", run)
        assert "pip install" not in run or "--no-cache" in run
    for told in (*of("ENV"), *of("ARG")):
        assert not re.search(r"PASSWORD|SECRET|TOKEN|KEY=", told)


def test_what_is_installed_is_in_the_lock_and_verified_by_hash():
    installs = [part for run in of("RUN") for part in re.split(r"\s*&&\s*", run) if re.search(r"\bpip install\b", part)]
    assert len(installs) == 4
    for command in installs:
        by_hash = "--require-hashes" in command or "--constraint requirements.lock" in command
        assert by_hash or "--no-deps" in command, command


def test_every_package_of_the_wheel_is_copied_and_nothing_that_is_not_there():
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    copied = [shlex.split(rest)[:-1] for rest in of("COPY") if not rest.startswith("--from")]
    sources = {source for group in copied for source in group}
    assert set(packages["packages"]) <= sources
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for source in sources:
        assert (ROOT / source).exists()
        assert source in kept, f".dockerignore leaves {source} out"


# the compose file


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_kept_down_and_comes_back(name):
    service = SERVICES[name]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    watched = service["healthcheck"]
    assert watched.get("disable") or {"test", "interval", "timeout"} <= set(watched)
    if name == "deploy":
        assert watched == {"disable": True}
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", [name for name, found in SERVICES.items() if found["image"].startswith("onboard:")])
def test_our_services_write_nowhere_but_where_they_keep_things(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert all(volume.split(":")[0] in COMPOSE["volumes"] for volume in service.get("volumes", []))


def test_two_replicas_and_two_workers():
    assert SERVICES["api"]["deploy"]["replicas"] == SERVICES["worker"]["deploy"]["replicas"] == 2
    assert "name api" in (ROOT / "deploy" / "Caddyfile").read_text()


def test_only_the_proxy_is_reached_from_outside():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"proxy", "prefect"}
    assert all(port.startswith("127.0.0.1:") for port in published["prefect"])


def test_who_waits_for_whom_exists_and_can_be_waited_for():
    for service in SERVICES.values():
        told = service.get("environment", {})
        assert {name for name in told if name.startswith("ONBOARD_")} <= OURS
        for other, how in service.get("depends_on", {}).items():
            watched = not SERVICES[other]["healthcheck"].get("disable")
            ends = SERVICES[other].get("restart") == "no"
            assert watched if how["condition"] == "service_healthy" else ends


def test_files_and_volumes_that_are_mounted_exist():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"]
    assert os.access(ROOT / "deploy" / "databases.sh", os.X_OK)


# what they run


def commands() -> list[list[str]]:
    found = [service["command"] for service in SERVICES.values() if service["image"].startswith("onboard:")]
    return [*found, yaml.safe_load(of("CMD")[0])]


@pytest.mark.parametrize("command", commands(), ids=lambda command: " ".join(command[:3]))
def test_every_command_exists_and_takes_its_options(command):
    if command[0] == "onboard":
        group = typer.main.get_command(app)
        inner = group.commands[command[1]]
        inner.make_context(command[1], list(command[2:]), resilient_parsing=False)
        return
    assert command[:2] == ["python", "-m"]
    found = importlib.util.find_spec(command[2])
    assert found is not None
    named = (*command[3:],)
    if command[2] == "tools.sandbox":
        text = (ROOT / "tools" / "sandbox_server.py").read_text()
        assert all(f'"{word}"' in text for word in named if word.startswith("--"))


def test_what_watches_a_worker_is_where_the_worker_answers():
    port = re.search(r"127\.0\.0\.1:(\d+)", str(SERVICES["worker"]["healthcheck"]["test"]))[1]
    assert SERVICES["worker"]["environment"]["ONBOARD_WORKER_ADDRESS"] == f"0.0.0.0:{port}"


# what they are told


def test_every_variable_of_the_example_is_read_by_somebody_and_every_secret_is_to_be_changed():
    assert set(variables()) <= OURS | THEIRS
    for name, value in variables().items():
        if re.search(r"PASSWORD|SECRET|KEY|AUTH|DATABASE|SMTP", name):
            assert "CHANGE-ME" in value, name


def test_no_secret_stands_in_the_compose_file_itself():
    text = (ROOT / "compose.yaml").read_text()
    assert not re.search(r"(PASSWORD|SECRET|TOKEN|AUTH)[A-Z_]*\s*[:=]", text)
    told = [service for service in SERVICES.values() if "env_file" in service]
    assert {service["env_file"] for service in told} == {"onboard.env"}
    assert "onboard.env" in (ROOT / ".gitignore").read_text().split()


def test_the_example_makes_valid_settings():
    values = {name: value for name, value in variables().items() if name in OURS}
    found = Settings.from_environment(values)
    assert found.engine == "prefect"
    assert found.database_url is not None


def test_the_script_of_the_databases_is_valid_shell_and_says_every_password_it_uses():
    script = ROOT / "deploy" / "databases.sh"
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
    used = set(re.findall(r"\$([A-Z_]+)", script.read_text()))
    assert used <= set(variables())


# the image's steps, in a clean folder


@pytest.mark.slow
def test_the_images_steps_make_a_product_that_starts(tmp_path):
    """The build stage's RUN lines as they stand, on folders of our own; then what was installed is run elsewhere."""
    source, build, target = tmp_path / "src", tmp_path / "build", tmp_path / "opt"
    source.mkdir()
    last = max(number for number, (head, _) in enumerate(instructions()) if head == "FROM")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ONBOARD_", "PYTHON"))}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    for head, rest in instructions()[:last]:
        if head == "COPY":
            *names, _ = shlex.split(rest)
            subprocess.run(["cp", "-r", *(str(ROOT / name) for name in names), str(source)], check=True)
        elif head == "RUN":
            script = re.sub(r"(?<![\w.])/(src|build)(?=/|\s|$)", rf"{tmp_path}/\1", rest)
            script = (
                script.replace("/opt/onboard", str(target)).replace("--no-cache-dir", "").replace("--no-cache ", " ")
            )
            script = script.replace("--compile-bytecode", "")
            done = subprocess.run(script, shell=True, cwd=source, env=env, capture_output=True, text=True, timeout=350)
            assert done.returncode == 0, done.stderr[-3000:]
    bare = {"PATH": f"{target / 'bin'}:/usr/bin:/bin", "ONBOARD_DATA_DIR": str(tmp_path / "data"), "HOME": "/nowhere"}
    bare["ONBOARD_WATCHLIST"] = str(ROOT / "examples" / "watchlist.jsonl")
    assert run(target, tmp_path, bare, "onboard", "doctor").returncode == 0
    assert "--replica" in run(target, tmp_path, bare, "onboard", "serve", "--help").stdout
    look = "import api, graph.jobs, tools.telemetry, prefect; from importlib.util import find_spec as f"
    look += "; print(api.__file__, f('pytest'))"
    told = run(target, tmp_path, bare, "python", "-c", look).stdout.split()
    assert told[0].startswith(str(target)), "what runs is what was installed, not the source"
    assert told[1] == "None", "nothing of the test suite is in the image"
    assert build.exists()


def run(target: Path, cwd: Path, env: dict[str, str], *command: str) -> Any:
    where = str(target / "bin" / command[0])
    return subprocess.run([where, *command[1:]], cwd=cwd, env=env, capture_output=True, text=True, timeout=120)


# the operator's page


def test_every_metric_setting_and_command_of_the_operators_page_exists():
    text = (ROOT / "docs" / "operations.md").read_text()
    known = {sample.name for family in Metrics().registry.collect() for sample in family.samples}
    known |= {family.name for family in Metrics().registry.collect()}
    known |= {f"{name}_total" for name in known} | {f"{name}_count" for name in known}
    metrics = set(re.findall(r"\bonboard_[a-z_]+\b", text))
    assert len(metrics) >= 7
    assert metrics <= known
    assert set(re.findall(r"`(ONBOARD_[A-Z0-9_]+|OTEL_[A-Z_]+)", text)) <= OURS
    group = typer.main.get_command(app)
    for name in re.findall(r"`onboard ([a-z]+)", text):
        assert name in group.commands
    for module in re.findall(r"python -m ([a-z.]+)", text):
        assert importlib.util.find_spec(module) is not None
