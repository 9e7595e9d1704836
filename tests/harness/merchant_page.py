"""A merchant's browser: keeps nothing but the link, and fills in the forms it is shown."""

import re
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
