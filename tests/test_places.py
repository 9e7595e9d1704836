"""Where a request comes from: what limits go by, so that nobody is shut out for what another does."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness.world import World
from starlette.requests import Request

from api.console.throttle import place_of
from api.doctor import examine
from onboarding.settings import BadSettings, Settings

MOST = 60


def tries(world: World, forwarded: str, times: int) -> list[int]:
    """The answers to asking for a sign-in letter, as a proxy passes the requests of this address on."""
    headers = {"X-Forwarded-For": forwarded, "Origin": world.url}
    with httpx.Client(base_url=world.url, headers=headers, trust_env=False) as browser:
        sent = [browser.post("/console/sign-in", data={"address": f"{n}@x.example"}) for n in range(times)]
    return [answer.status_code for answer in sent]


@pytest.mark.slow
def test_behind_a_proxy_that_is_trusted_each_client_has_limits_of_its_own(tmp_path: Path) -> None:
    with World(tmp_path, mail=False, trusted_proxies="10.0.0.0/8, 127.0.0.1") as world:
        assert tries(world, "203.0.113.7", MOST + 1)[-1] == 429
        assert tries(world, "203.0.113.8", 1) == [200]
        assert tries(world, "203.0.113.8, 203.0.113.7, 10.1.2.3", 1) == [429], "what a client says of itself counts not"


@pytest.mark.slow
def test_nobody_else_is_believed_about_where_they_come_from(tmp_path: Path) -> None:
    with World(tmp_path, mail=False) as world:
        assert tries(world, "203.0.113.7", MOST + 1)[-1] == 429
        assert tries(world, "203.0.113.8", 1) == [429]


def test_of_ipv6_the_network_of_one_subscriber_is_one_place() -> None:
    assert place("192.0.2.1") == place("::ffff:192.0.2.1") == "192.0.2.1"
    assert place("2001:db8:0:1::5") == place("2001:db8:0:1:ffff::9") == "2001:db8:0:1::/64"
    assert place("2001:db8:0:2::5") != place("2001:db8:0:1::5")
    assert place("fe80::1%eth0") == "fe80::/64"
    assert place("unknown") == "unknown"


def place(address: str) -> str:
    return place_of(Request({"type": "http", "client": (address, 1)}))


@pytest.mark.parametrize("given", ["*", "proxy.internal", "10.0.0.1/8", "10.0.0.0/40"])
def test_a_proxy_that_is_no_address_is_refused_by_name(given: str) -> None:
    with pytest.raises(BadSettings, match=r"ONBOARD_TRUSTED_PROXIES: .*neither an address nor a network"):
        Settings.from_environment({"ONBOARD_TRUSTED_PROXIES": given})
    known: Any = Settings.from_environment({"ONBOARD_TRUSTED_PROXIES": " 10.0.0.1 ,, 2001:db8::/32 "})
    assert known.proxies == ["10.0.0.1", "2001:db8::/32"]


@pytest.mark.parametrize(
    ("trusted", "public", "ok"),
    [
        ("", "http://127.0.0.1:8000", True),
        ("", "https://desk.example", False),
        ("10.0.0.1", "https://desk.example", True),
    ],
)
def test_the_doctor_sees_a_proxy_that_is_not_trusted(tmp_path: Path, trusted: str, public: str, *, ok: bool) -> None:
    settings = Settings(data_dir=tmp_path, public_url=public, trusted_proxies=trusted)
    told = {line["check"]: line for line in asyncio.run(examine(settings, audit=False))}
    assert (told["proxy"]["ok"], "ONBOARD_TRUSTED_PROXIES" in told["proxy"]["detail"]) == (ok, not ok)
