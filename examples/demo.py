"""``make demo``: the main job end to end, unattended, on the embedded default, showing each step as it happens.

It starts the real service in a process of its own on a free port with the built-in sandbox, submits three
applications (JSON, CSV, an e-mail), approves one through the API, rejects one through the link in its letter, asks
the third for information and feeds the answer, and says what became of each and where to look next.
"""

import email
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import policy
from functools import reduce
from pathlib import Path
from typing import Any, Final

import httpx
from rich.console import Console
from rich.text import Text

from api.story import told

APPLICATIONS: Final = Path(__file__).parent / "applications"
WATCHLIST: Final = Path(__file__).parent / "watchlist.jsonl"
REVIEWER: Final = "reviewer@acquirer.example.com"
SECOND: Final = "senior@acquirer.example.com"
PATIENCE: Final = 60.0
TYPES: Final = {".json": "application/json", ".csv": "text/csv", ".txt": "text/plain"}
say = Console(highlight=False, soft_wrap=True)


class Failed(Exception):
    """The demo did not come out as it should; the message says where."""


def main() -> int:
    """Run the demo; 0 when every case ended where it should."""
    folder = Path(tempfile.mkdtemp(prefix="onboard-demo-"))
    started = time.monotonic()
    try:
        with service(folder) as url, caller(url, folder) as api, reviewers_tool(url, folder) as tool:
            say.print(f"[bold]The service runs on {url}[/bold], data in {folder}; two reviewers get letters")
            approved = approve_through_the_api(api, tool)
            rejected = reject_through_the_letter(api, folder)
            informed = ask_and_answer(api, tool)
            outcomes(api, [approved, rejected, informed], folder, time.monotonic() - started)
            look_next(folder)
    except (Failed, httpx.HTTPError) as error:
        say.print(f"[bold red]The demo failed:[/bold red] {error}")
        say.print(f"The service's log: {folder / 'service.log'}")
        return 1
    return 0


@contextmanager
def service(folder: Path) -> Iterator[str]:
    """`onboard serve` on a free port, as an operator would start it; stopped (drained) at the end."""
    environment = os.environ | {
        "ONBOARD_DATA_DIR": str(folder),
        "ONBOARD_REVIEWERS": f"{REVIEWER},{SECOND}",
        "ONBOARD_MAIL_FROM": "onboarding@acquirer.example.com",
        "ONBOARD_WATCHLIST": str(WATCHLIST),
        "ONBOARD_SWEEP_SECONDS": "0.5",
    }
    for name in ("ONBOARD_SVC1_URL", "ONBOARD_SVC2_URL", "ONBOARD_SMTP_URL", "ONBOARD_DATABASE_URL", "ONBOARD_MODEL"):
        environment.pop(name, None)
    log = (folder / "service.log").open("w")
    command = [sys.executable, "-m", "api", "serve", "--port", "0"]
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)  # noqa: S603
    try:
        yield _address(process)
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://[\d.]+:\d+", line):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return found.group()
    raise Failed("the service did not start")


@contextmanager
def caller(url: str, folder: Path) -> Iterator[httpx.Client]:
    """A backend's HTTP client with the token that the service left for its local user."""
    token = (folder / "admin-token").read_text().strip()
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30) as api:
        yield api


@contextmanager
def reviewers_tool(url: str, folder: Path) -> Iterator[httpx.Client]:
    """The same of a reviewer's tool, with a token of the reviewer's own."""
    token = onboard(folder, "token", "create", REVIEWER, "--role", "reviewer").split()[-1]
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=30) as tool:
        yield tool


def onboard(folder: Path, *arguments: str) -> str:
    """What this command of the shell prints. Raises Failed."""
    command = [sys.executable, "-m", "api", *arguments]
    environment = os.environ | {"ONBOARD_DATA_DIR": str(folder)}
    made = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)  # noqa: S603
    if made.returncode:
        raise Failed(f"onboard {arguments[0]} failed: {made.stderr[-300:]}")
    return made.stdout.strip()


def submit(api: httpx.Client, name: str) -> str:
    """Submit one of the examples and show what a backend sees."""
    path = APPLICATIONS / name
    headers = {"Content-Type": TYPES[path.suffix], "Idempotency-Key": name}
    answer = api.post("/v1/cases", content=path.read_bytes(), headers=headers)
    if answer.status_code != 202:
        raise Failed(f"{name} was answered with {answer.status_code}: {answer.text[:300]}")
    case: dict[str, Any] = answer.json()
    say.print(f"\n[bold cyan]{name}[/bold cyan] submitted: 202, stored durably as case {case['id']}")
    return str(case["id"])


def follow(
    api: httpx.Client, case_id: str, *statuses: str, after: int = 0, letter: str | None = None
) -> dict[str, Any]:
    """Show the case's events as they happen until it has one of ``statuses`` and ``letter`` has left; return it."""
    ends = time.monotonic() + PATIENCE
    seen, left = after, letter is None
    while time.monotonic() < ends:
        case: dict[str, Any] = api.get(f"/v1/cases/{case_id}").json()
        for event in api.get(f"/v1/cases/{case_id}/events", params={"after": seen}).json()["items"]:
            seen = event["seq"]
            show(event)
            left |= event["type"] == "letter.kept" and event["data"]["kind"] == letter
        if case["status"] in statuses and left:
            return case | {"seen": seen}
        time.sleep(0.05)
    raise Failed(f"case {case_id} is {case['status']} and not {' or '.join(statuses)} after {PATIENCE:.0f} s")


def show(event: dict[str, Any]) -> None:
    """One line an event."""
    say.print(Text(f"  {event['at'][11:23]}  {event['actor']:<31}  {told(event)}"))


def read(case: dict[str, Any]) -> None:
    """Some of the fields that are not written as they were sent, each beside the words it was read from."""
    application = case["application"]
    found = case["provenance"]
    say.print(f"  {len(found)} fields read, each with its source; some of them:")
    for path in ("registration_number", "incorporation_date", "address.city", "contact.phone", "bank.iban"):
        value, source = reduce(lambda inside, name: inside[name], path.split("."), application), found[path]
        say.print(Text(f"    {path:<20} {value:<23} {source['where']}: “{source['raw']}”"))


def explain(case: dict[str, Any]) -> None:
    """What the agents made of it: the recommendation and why, with the evidence of each finding."""
    say.print(Text(f"  {case['summary'].splitlines()[-1]}", style="bold"))
    for finding in case["findings"]:
        say.print(Text(f"    {finding['severity']:<8} {finding['code']}: {finding['message']}"))
        for item in finding["evidence"]:
            say.print(Text(f"             “{item['quote']}” ({item['where']})"))
    if case["missing"]:
        say.print(Text(f"    missing: {', '.join(case['missing'])}"))


def decide(tool: httpx.Client, case: dict[str, Any], **decision: Any) -> None:
    """Decide through the API, as the reviewer."""
    body = {"review_id": case["review"]["id"], **decision}
    answer = tool.post(f"/v1/cases/{case['id']}/decision", json=body)
    if answer.status_code != 200:
        raise Failed(f"the decision was answered with {answer.status_code}: {answer.text[:300]}")


def approve_through_the_api(api: httpx.Client, tool: httpx.Client) -> str:
    """A clean bakery, as JSON: approved by a reviewer's tool."""
    case_id = submit(api, "bakery.json")
    case = follow(api, case_id, "in_review")
    explain(case)
    say.print("  [bold]a reviewer approves through the API[/bold]")
    decide(tool, case, action="approve", comment="Known tea rooms, papers seen.")
    follow(api, case_id, "active", after=case["seen"], letter="welcome")
    return case_id


def reject_through_the_letter(api: httpx.Client, folder: Path) -> str:
    """A casino in disguise, as CSV: rejected by the link in the letter to the reviewer."""
    case_id = submit(api, "casino.csv")
    case = follow(api, case_id, "in_review")
    explain(case)
    link = link_in_letter(folder, case_id, "Reject")
    shown = httpx.get(link, trust_env=False)
    still = api.get(f"/v1/cases/{case_id}").json()["status"]
    say.print(
        f"  the letter's link is opened (a mail scanner does that too): {shown.status_code}, the case is still {still}"
    )
    say.print("  [bold]the reviewer presses the button on that page[/bold]")
    answer = httpx.post(link, data={"reason_codes": ["PROHIBITED_BUSINESS"]}, trust_env=False)
    if answer.status_code != 200:
        raise Failed(f"the link was answered with {answer.status_code}")
    case = follow(api, case_id, "rejected", after=case["seen"], letter="rejection")
    for sentence in case["decisions"][-1]["told"]:
        say.print(Text(f"  the merchant reads: {sentence}", style="bold"))
    return case_id


def ask_and_answer(api: httpx.Client, tool: httpx.Client) -> str:
    """A ski shop's e-mail that leaves things out: the merchant is asked, answers, and is approved."""
    case_id = submit(api, "ski-shop.txt")
    case = follow(api, case_id, "in_review")
    read(case)
    explain(case)
    say.print("  [bold]the reviewer asks the merchant for what is missing[/bold]")
    request = [{"path": "persons[0].dob", "text": "Please tell us your date of birth."}]
    decide(tool, case, action="request_information", request=request)
    case = follow(api, case_id, "awaiting_information", after=case["seen"])
    say.print("  [bold]the merchant answers[/bold]")
    answer = api.post(f"/v1/cases/{case_id}/information", json={"answers": {"persons[0].dob": "1975-11-04"}})
    if answer.status_code != 200:
        raise Failed(f"the answer was answered with {answer.status_code}: {answer.text[:300]}")
    case = follow(api, case_id, "in_review", after=case["seen"])
    explain(case)
    say.print(f"  [bold]a reviewer approves version {case['application_version']} through the API[/bold]")
    decide(tool, case, action="approve")
    follow(api, case_id, "active", after=case["seen"], letter="welcome")
    return case_id


def link_in_letter(folder: Path, case_id: str, label: str) -> str:
    """The link under ``label`` in the approval request that went to the reviewer about this case."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        for path in (folder / "outbox").glob("*.eml"):
            message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
            body = message.get_body(("plain",))
            text = body.get_content() if body else ""
            if (
                message["To"] == REVIEWER
                and case_id in text
                and (found := re.search(rf"{label} .*\n(\S+/review/\S+)", text))
            ):
                return found.group(1)
        time.sleep(0.1)
    raise Failed("the letter to the reviewer did not come")


def outcomes(api: httpx.Client, ids: list[str], folder: Path, seconds: float) -> None:
    """Each case's end, what was activated, and where to look next."""
    say.print("\n[bold]How it ended[/bold]")
    for case_id in ids:
        case = api.get(f"/v1/cases/{case_id}").json()
        active = ", ".join(f"{item['service']} {item['status']} {item['reference']}" for item in case["activations"])
        say.print(
            Text(f"  {case['application']['legal_name']:<28} {case['status']:<9} {active or 'nothing activated'}")
        )
        why = "; ".join(f"{made['action']} by {made['actor']} ({made['channel']})" for made in case["decisions"])
        say.print(Text(f"    case {case_id}: {why}"))
    effects = api.get("/sandbox/log").json()["effects"]
    count = len(effects) if isinstance(effects, list) else sum(map(len, effects.values()))
    letters = len(list((folder / "outbox").glob("*.eml")))
    say.print(
        f"\nSVC1 and SVC2 together saw {count} effects (two for each active merchant); {letters} letters were written."
    )
    say.print(f"It took {seconds:.1f} s. The letters are in {folder / 'outbox'}, the service's log beside it.")
    say.print(json.dumps({"cases": ids, "effects": count}), style="dim")


def look_next(folder: Path) -> None:
    """Where to see these cases: the console, with a link that signs in once, and the shell."""
    link = onboard(folder, "sign-in")
    say.print("\nLook next, as a reviewer: start the service on this folder and open the link, which signs you in once")
    say.print(f"  [bold]ONBOARD_DATA_DIR={folder} make serve[/bold]")
    say.print(f"  {link}")
    say.print("or in the shell, while it runs: `.venv/bin/onboard show CASE` with the same ONBOARD_DATA_DIR")


if __name__ == "__main__":
    sys.exit(main())
