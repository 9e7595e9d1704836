"""A merchant's browser: keeps nothing but the link, and fills in the forms it is shown."""

import re
from html import unescape
from typing import Any

import httpx

LINK = re.compile(r"https?://[^/\s]+(/(?:merchant|apply)/\S+)")


class MerchantBrowser:
    """``open`` a path first; ``send`` posts the form of that page with these values."""

    def __init__(self, house: Any) -> None:
        self.house = house
        self.http = httpx.Client(base_url=house.url, timeout=30, trust_env=False)

    def open(self, path: str, status: int = 200, **headers: str) -> str:
        answer = self.http.get(path, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.text

    def hidden(self, text: str) -> dict[str, str]:
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', text))

    def send(self, path: str, page: str, data: dict[str, Any] | None = None, files: Any = None) -> httpx.Response:
        form = {**self.hidden(page), **(data or {})}
        return self.http.post(path, data=form, files=files or {}, headers={"Origin": self.house.url})


def link_in(message: Any) -> str:
    """The path of the one link to a merchant's page in a letter's plain text."""
    found = LINK.findall(message.get_body(("plain",)).get_content())
    assert len(found) == 1, found
    return str(found[0])


def as_typed(app: dict[str, Any], **changes: str) -> dict[str, str]:
    """This application as a person would type it into the form."""
    person = app["persons"][0]
    values = {path: app[path] for path in ("legal_name", "registration_number", "website", "business_description")}
    values |= {"incorporation_date": app["incorporation_date"], "bank.iban": app["bank"]["iban"]}
    values |= {"bank.holder": app["legal_name"]}
    values |= {f"address.{name}": app["address"][name] for name in ("line1", "city", "postal_code")}
    values |= {f"contact.{name}": app["contact"][name] for name in ("name", "email", "phone")}
    for money in ("expected_annual_volume", "avg_ticket"):
        values |= {f"{money}.{name}": app[money][name] for name in ("amount", "currency")}
    values |= {f"persons[0].{name}": str(person[name]) for name in ("name", "dob", "nationality", "ownership_pct")}
    return values | changes


ROLES: dict[str, Any] = {"persons[0].roles": ["owner", "director"]}


def begun(browser: MerchantBrowser, email: str = "owner@shop.example", country: str = "GB") -> str:
    """Begin an application; returns the path of its form."""
    data = {"country": country, "entity_type": "private_company", "email": email}
    answer = browser.send("/apply", browser.open("/apply"), data)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def filled(page: str) -> dict[str, Any]:
    """What a browser would send of this page as it stands."""
    found: dict[str, Any] = {}
    for attributes in re.findall(r"<input ([^>]*)>", page):
        name = re.search(r'name="([^"]+)"', attributes)
        value = re.search(r'value="([^"]*)"', attributes)
        if name is None or "hidden" in attributes or 'type="file"' in attributes:
            continue
        if "checkbox" not in attributes:
            found[name[1]] = unescape(value[1]) if value else ""
        elif "checked" in attributes and value:
            found.setdefault(name[1], []).append(value[1])
    texts = re.findall(r'<textarea [^>]*name="([^"]+)"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
    return found | {name: unescape(text) for name, text in texts}
