"""A person's browser as far as the console's rules are concerned."""

import re
from typing import Any

import httpx

from graph import signing


class Browser:
    """Keeps cookies and says where its forms come from."""

    def __init__(self, house: Any) -> None:
        self.house = house
        self.http = httpx.Client(base_url=house.url, timeout=30, trust_env=False)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.http.get(path, **more)

    def post(self, path: str, data: dict[str, Any] | None = None, **headers: str) -> httpx.Response:
        return self.http.post(path, data=data or {}, headers={"Origin": self.house.url} | headers)

    def sign_in(self, name: str) -> "Browser":
        link = self.house.write(lambda tx: signing.local_link(tx, name, self.house.url))
        answer = self.post(link.removeprefix(self.house.url))
        assert answer.status_code == 303, answer.text
        return self

    def form(self, path: str) -> dict[str, str]:
        """The hidden fields of the page's forms, and the page."""
        page = self.get(path)
        assert page.status_code == 200, page.text
        found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text)
        return dict(reversed(found)) | {"page": page.text}
