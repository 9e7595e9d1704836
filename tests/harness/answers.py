"""What every answer of the public face must look like: a problem document, or a page of ours."""

from html.parser import HTMLParser
from typing import Any


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal: one shape for all of them."""
    assert answer.status_code == status, answer.text[:300]
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert (body["status"], body["code"]) == (status, code), body
    assert body["title"]
    assert body["type"]
    return body


def page(answer: Any, status: int) -> str:
    """Every answer to a link is a page of ours, with its headers, and without a script."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "set-cookie" not in answer.headers
    text: str = answer.text
    seen = Tags()
    seen.feed(text)
    assert seen.names <= ALLOWED, seen.names - ALLOWED
    assert not [name for name in seen.attributes if name.startswith(("on", "style", "http-equiv"))]
    assert not [link for link in seen.links if not link.startswith(("/", "#"))], "it leads nowhere else"
    return text


ALLOWED = {
    "html", "head", "meta", "title", "link", "body", "main", "h1", "h2", "p", "ul", "li", "blockquote", "bdi", "strong",
    "code", "span", "a", "form", "label", "input", "fieldset", "legend", "details", "summary", "textarea", "button",
}  # fmt: skip


class Tags(HTMLParser):
    """What a browser would make of the page: elements, attributes, and where they lead."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in ("href", "src", "action", "formaction")}
