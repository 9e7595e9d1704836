"""Whose words count in a mail: the merchant's own, not those of who forwarded it or of whom it answers.

The result keeps every offset: what does not count is blanked out, so places stay true (policy 4.5).
"""

import itertools
import re
from email.utils import parseaddr
from typing import Final, NamedTuple

_FROM: Final = (
    "from|von|de|van|da|od|från|fra|expéditeur|remitente|mittente|afzender|nadawca|avsändare|差出人|送信者|보낸\\s?사람"
    "|발신"
)
_OTHER: Final = (
    "to|cc|bcc|sent|date|subject|reply-to|received|return-path|message-id|mime-version|content-[a-z-]+"
    "|x-[a-z-]+|an|kopie|gesendet"
    "|datum|betreff|à|envoyé|objet|aan|verzonden|onderwerp|para|enviado(?:\\sel|\\sem)?|data|fecha"
    "|assunto|asunto|a|inviato|oggetto|do"
    "|wysłano|temat|till|skickat|ämne|宛先|日時|送信日時|日付|件名|받는\\s?사람|보낸\\s?날짜|날짜|제목|참조"
)
_SUBJECT: Final = "subject|betreff|objet|onderwerp|assunto|asunto|oggetto|temat|ämne|件名|제목"
_HEADER: Final = re.compile(rf"^[>\s*]{{0,12}}({_FROM}|{_OTHER})\*?\s?[:：]\*?[ \t\u3000]?([^\n]{{0,2000}})$", re.I)
_IS_FROM: Final = re.compile(rf"(?:{_FROM})\Z", re.I)
_IS_SUBJECT: Final = re.compile(rf"(?:{_SUBJECT})\Z", re.I)
_ADDRESS: Final = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_FORWARD: Final = re.compile(
    r"forwarded message|begin forwarded|weitergeleitete nachricht|anfang der weitergeleiteten|message "
    r"(?:transféré|réexpédié)"
    r"|doorgestuurd bericht|mensagem (?:encaminhada|reencaminhada)|mensaje reenviado|messaggio inoltrato"
    r"|wiadomość przekazan"
    r"|przekazan\w* wiadomoś|vidarebefordrat (?:meddelande|brev)"
    r"|転送(?:された)?メッセージ|転送メール|전달된 메(?:시지|일)",
    re.I,
)
_ORIGINAL: Final = re.compile(
    r"-{3,}\s*(?:original message|original-?nachricht|ursprüngliche nachricht|message d'origine|oorspronkelijk bericht"
    r"|mensagem original|mensaje original|messaggio originale|oryginalna wiadomość|wiadomość oryginalna"
    r"|ursprungligt meddelande|元のメッセージ|원본 메(?:시지|일))",
    re.I,
)
_WROTE: Final = re.compile(
    r"(?:wrote|schrieb|a écrit|schreef|escreveu|escribió|ha scritto|napisał\(?a?\)?|skrev|のメール|書きました|작성"
    r"|썼습니다)[^\n]{0,80}[:：]\s*$",
    re.I,
)
_FW: Final = re.compile(r"^\s*(?:fwd?|wg|tr|rv|enc|i|pd|vb|vs|doorst|転送|전달)\s?[:：]", re.I)
_FACT: Final = re.compile(
    r"[\w.-]{1,64}@[\w-]{1,63}\.\w|\d{4,}|[€£$¥₩]|\b(?:GmbH|Ltd|LLC|SAS|B\.V|S\.r\.l|S\.L|sp\. z|AB)\b"
)
_MOST_HOSTS: Final = 20
"""Senders' domains that are looked for in the text, each once: a thread of more people is no merchant's."""
_QUOTE: Final = re.compile(r"[ \t]{0,3}((?:[>|＞][ \t]?){1,12})")


class Answer(NamedTuple):
    """What stands under a quoted question: ``start`` and ``end`` are offsets in the text."""

    question: str
    start: int
    end: int


class Thread(NamedTuple):
    """A text in which only the merchant's own words are left, at their old offsets.

    ``sender_name`` and ``sender_email`` are of the merchant's own mail (None outside mails), ``sender_at`` their
    offset.
    """

    text: str
    sender_name: str | None = None
    sender_email: str | None = None
    sender_at: int = 0
    subject: str | None = None
    answers: tuple[Answer, ...] = ()


class _Line(NamedTuple):
    start: int
    depth: int
    text: str  # without quote marks
    indent: int  # length of the quote marks


class _Segment(NamedTuple):
    forward: bool
    start: int  # first line of the body
    end: int
    sender: str
    sender_at: int
    subject: str


def own_words(text: str) -> Thread:
    """Leave only what the merchant wrote. A text that is no mail and quotes nothing comes back as it is."""
    lines = _lines(text)
    segments = _segments(lines)
    segment = segments[_merchants(segments, lines)]
    body = lines[segment.start : segment.end]
    base = _base_depth(body)
    own = [line for line in body if line.depth <= base]
    if segment.sender or len(own) != len(lines) or base:
        text = _blanked(text, own)
    segment = _of_the_site(segments, segment, text)
    name, address = parseaddr(segment.sender) if len(segment.sender) < 1000 else ("", "")
    found = _ADDRESS.search(address) or _ADDRESS.search(segment.sender[:1000])
    return Thread(
        text=text,
        sender_name=name.strip("\"' ") or None,
        sender_email=found.group() if found else None,
        sender_at=segment.sender_at,
        subject=segment.subject or None,
        answers=tuple(_answers(body, base)),
    )


def _of_the_site(segments: list[_Segment], chosen: _Segment, text: str) -> _Segment:
    """Who sent the merchant's words: where its site is told, a sender with an address there, else as ``chosen``."""
    low = text.lower()
    hosts: dict[str, _Segment] = {}
    for segment in [chosen, *segments]:
        found = _ADDRESS.search(segment.sender[:1000])
        if found:
            hosts.setdefault(found.group().rpartition("@")[2].lower(), segment)
    for host, segment in itertools.islice(hosts.items(), _MOST_HOSTS):
        if host in low and re.search(rf"(?<![@\w.-])(?:www\.)?{re.escape(host)}(?![\w-])", low):
            return segment
    return chosen


def _lines(text: str) -> list[_Line]:
    lines, start = [], 0
    for raw in text.split("\n"):
        mark = _QUOTE.match(raw)
        table = mark is not None and "|" in mark.group(1)  # `| a | b |` is a table row, not a quotation
        width = mark.end() if mark and not table else 0
        depth = sum(char in ">＞" for char in raw[:width])
        lines.append(_Line(start, depth, raw[width:].rstrip("\r"), width))
        start += len(raw) + 1
    return lines


def _segments(lines: list[_Line]) -> list[_Segment]:
    """The mail itself and every mail inside it, outermost first."""
    starts: list[tuple[int, bool]] = [(0, False)]
    index = _skip_blank(lines, 0)
    index = max(_header_block(lines, index), index)
    while index < len(lines):
        text = lines[index].text
        if len(text) < 200 and (_FORWARD.search(text) or _ORIGINAL.search(text)):
            starts.append((index + 1, _FORWARD.search(text) is not None))
            after = _skip_blank(lines, index + 1)
            index = max(_header_block(lines, after), index + 1)
        else:
            after = _header_block(lines, index)
            if after > index + 1 and _is_from_block(lines, index):
                starts.append((index, False))
            index = max(after, index + 1)
    ends = [start for start, _ in starts[1:]] + [len(lines)]
    return [_segment(lines, start, end, forward) for (start, forward), end in zip(starts, ends, strict=True)]


def _segment(lines: list[_Line], start: int, end: int, forward: bool) -> _Segment:
    first = _skip_blank(lines, start)
    body = _header_block(lines, first) if _is_from_block(lines, first) else first
    sender, sender_at, subject = "", 0, ""
    for line in lines[first:body]:
        match = _HEADER.match(line.text)
        if match and _IS_FROM.match(match.group(1)) and not sender:
            sender, sender_at = match.group(2).strip(), line.start + line.indent + match.start(2)
        elif match and _IS_SUBJECT.match(match.group(1)):
            subject = match.group(2).strip()
    return _Segment(forward, body if body > first else start, end, sender, sender_at, subject)


def _header_block(lines: list[_Line], index: int) -> int:
    """The line after the mail headers that start at ``index``; ``index`` if there are none."""
    at = index
    while at < len(lines) and at - index < 80:
        text = lines[at].text
        folded = at > index and text[:1] in (" ", "\t") and text.strip() and ": " not in text
        if not _HEADER.match(text) and not folded:
            break
        at += 1
    return at


def _is_from_block(lines: list[_Line], index: int) -> bool:
    """Whether real mail headers start here: a sender, and an address or a second header (a form has no sender)."""
    block = [match for line in lines[index : _header_block(lines, index)] if (match := _HEADER.match(line.text))]
    senders = [match for match in block if _IS_FROM.match(match.group(1))]
    subjects = [match for match in block if _IS_SUBJECT.match(match.group(1))]
    addressed = any(_ADDRESS.search(match.group(2)) for match in senders)
    return (bool(senders) and (addressed or len(block) > 2 or bool(subjects))) or bool(
        subjects and block[0] in subjects
    )


def _skip_blank(lines: list[_Line], index: int) -> int:
    while index < len(lines) and not lines[index].text.strip("\ufeff \t\r"):
        index += 1
    return min(index, max(len(lines) - 1, 0))


def _merchants(segments: list[_Segment], lines: list[_Line]) -> int:
    """Which mail is the merchant's: the innermost forwarded one; an original below a reply only if the reply is
    empty."""
    chosen = 0
    for index in range(1, len(segments)):
        here, inner = segments[chosen], segments[index]
        note = sum(len(_FACT.findall(line.text)) for line in lines[here.start : here.end] if not line.depth)
        facts = sum(len(_FACT.findall(line.text)) for line in lines[inner.start : inner.end])
        if inner.forward or (_FW.match(here.subject) and facts > 2) or (note < 3 and facts > note + 3):
            chosen = index
        else:
            break
    return chosen


def _base_depth(body: list[_Line]) -> int:
    """How deep the merchant's own words are quoted: 0, unless all facts stand in quoted lines with no own answer."""
    depths = [line.depth for line in body if line.text.strip()]
    if not depths or not max(depths):
        return 0
    lowest = min(depths)
    own = [line for line in body if line.depth == lowest and line.text.strip()]
    facts = sum(len(_FACT.findall(line.text)) for line in own)
    quoted = sum(len(_FACT.findall(line.text)) for line in body if line.depth > lowest)
    after = any(a.depth > lowest and b.depth == lowest and b.text.strip() for a, b in itertools.pairwise(body))
    return lowest + 1 if facts < 2 and quoted > 3 and not after else lowest


def _blanked(text: str, own: list[_Line]) -> str:
    """``text`` with everything but the own lines replaced by blanks (line breaks stay)."""
    pieces, at = [], 0
    for line in own:
        start = line.start + line.indent
        keep = not (_WROTE.search(line.text) and len(line.text) < 300)
        stop = start + (len(line.text) if keep else 0)
        pieces += [_blank(text[at:start]), text[start:stop]]
        at = stop
    return "".join([*pieces, _blank(text[at:])])


def _blank(text: str) -> str:
    return re.sub(r"[^\n]", " ", text)


def _answers(body: list[_Line], base: int) -> list[Answer]:
    """Pairs of quoted question and own answer under it."""
    answers: list[Answer] = []
    question: list[str] = []
    start = end = -1
    for line in [*body, _Line(body[-1].start + 1 if body else 0, base + 1, "", 0)]:
        if line.depth > base:
            if start >= 0:
                answers.append(Answer(question[-1], start, end))
                question, start = [], -1
            question = [*question, line.text.strip()] if line.text.strip() else question
        elif line.text.strip() and question:
            start = line.start + line.indent if start < 0 else start
            end = line.start + line.indent + len(line.text)
    return answers
