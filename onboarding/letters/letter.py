"""A letter is a subject and a list of blocks, rendered once as plain text (read on a phone) and once as HTML.

Both come from the same blocks, so they cannot say different things; there are no templates for data to get into.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from onboarding.errors import BadInput
from onboarding.letters.words import one_line
from onboarding.model import Value

SUBJECT_LIMIT = 69  # with "Subject: " in front it stays one line, and a phone shows it whole
ITEM_LIMIT = 20
BLANKS_AND_BREAKERS = set("\"'<>\\^`{|}")


class Letter(Value):
    """What goes to one kind of reader; ``compose`` in ``message.py`` puts it into an envelope."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True)
class Say:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Labels and values, one a line."""

    rows: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Points:
    """A titled list; a long one is cut and says so."""

    title: str
    items: Sequence[str]


@dataclass(frozen=True)
class Link:
    """Where to go, on a line of its own."""

    label: str
    url: str


Block = Say | Facts | Points | Link


def letter(subject: str, blocks: Sequence[Block]) -> Letter:
    """Render ``blocks``; empty lists are left out. Raises :class:`BadInput` for a link that is no web address."""
    shown = [block for block in blocks if not (isinstance(block, Points) and not block.items)]
    text = "\n\n".join(_text(block) for block in shown) + "\n"
    body = "\n".join(_html(block) for block in shown)
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"></head>\n'
        '<body style="font-family:sans-serif;line-height:1.5;max-width:40em;margin:1em auto;padding:0 1em">\n'
        f"{body}\n</body></html>\n"
    )
    return Letter(subject=one_line(subject, SUBJECT_LIMIT), text=text, html=page)


def _text(block: Block) -> str:
    match block:
        case Say(text):
            return one_line(text, 2000)
        case Facts(rows):
            return "\n".join(f"{one_line(label)}: {one_line(value)}" for label, value in rows)
        case Points(title, _):
            return "\n".join([f"{one_line(title)}:", *(f"- {item}" for item in _items(block))])
        case Link(label, url):
            return f"{one_line(label)}:\n{web_address(url)}"


def _html(block: Block) -> str:
    match block:
        case Say(text):
            return f"<p>{_bdi(one_line(text, 2000))}</p>"
        case Facts(rows):
            lines = (f"<b>{escape(one_line(label))}:</b> {_bdi(one_line(value))}" for label, value in rows)
            return "<p>" + "<br>\n".join(lines) + "</p>"
        case Points(title, _):
            items = "\n".join(f"<li>{_bdi(item)}</li>" for item in _items(block))
            return f"<p><b>{escape(one_line(title))}:</b></p>\n<ul>\n{items}\n</ul>"
        case Link(label, url):
            return f'<p><a href="{escape(web_address(url))}">{escape(one_line(label))}</a></p>'


def _items(block: Points) -> list[str]:
    shown = [one_line(item) for item in block.items[:ITEM_LIMIT]]
    left = len(block.items) - len(shown)
    return [*shown, f"and {left} more"] if left else shown


def _bdi(text: str) -> str:
    """Escaped, and isolated: a right-to-left name cannot rearrange what stands around it."""
    return f"<bdi>{escape(text)}</bdi>"


def web_address(url: str) -> str:
    """``url`` if it is a plain http(s) address of one line. Raises :class:`BadInput`."""
    parts = urlsplit(url)
    plain = url.isascii() and url.isprintable() and " " not in url and not BLANKS_AND_BREAKERS & set(url)
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("A letter's link must be a plain http:// or https:// address.")
    return url
