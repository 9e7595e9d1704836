"""The labelled part of a text → candidates: each value cut to its field, people's phrases taken apart, claims made."""

import re
from collections.abc import Callable
from typing import Final

from onboarding.reading.candidate import Candidate
from onboarding.reading.collect import Collector
from onboarding.reading.composites import apart
from onboarding.reading.cutting import cut
from onboarding.reading.forms import pairs
from onboarding.reading.labelled import Key, Pair
from onboarding.reading.labels import read_label
from onboarding.reading.legal_forms import is_entity
from onboarding.reading.people import mentions, says_both
from onboarding.reading.phrases import is_told, tells_shares
from onboarding.reading.placing import Place, place
from onboarding.reading.prose_marks import read_marks
from onboarding.reading.prose_names import company_in
from onboarding.reading.prose_page import Page, prose_phrases
from onboarding.reading.prose_people import Person, read_people
from onboarding.reading.text import has_cjk
from onboarding.reading.threads import Answer

_GERMAN: Final = re.compile(r"HR\s?[AB][\s:]{0,2}(?:Nr\.?\s?)?\d")
_QUESTION: Final = re.compile(
    r"^[ \t*]{0,8}(?:Q|F|P|D|V|Question|Frage|Pregunta|Pergunta|Domanda|Vraag|Pytanie|Fråga|問|質問|질문"
    r"|문)[ .]?\d{0,2}\*{0,2}[:.)：] ?"
    r"(?P<question>[^\n]{2,200})\n[ \t*]{0,8}(?:A|R|O|S|Answer|Antwort|Réponse|Respuesta|Resposta|Risposta"
    r"|Antwoord|Odpowiedź|Svar|答|回答|답변|답)"
    r"[ .]?\d{0,2}\*{0,2}[:.)：] ?(?P<answer>[^\n]{1,3000})",
    re.I | re.M,
)
_MORE: Final = re.compile(r"\n(?!\s*\n)(?!\s{0,8}[^\W\d_]{1,10}[ .]?\d{0,2}[:.)：])[^\n]{1,1000}")
_ASKED: Final = {
    "ticket": "average ticket", "volume": "annual volume", "founded": "incorporation date", "owner": "owners",
    "activity": "description",
}  # fmt: skip
_SOMEBODY: Final = re.compile(r"(?<!\w)[^\W\d_a-z][^\W\d_]+ [^\W\d_a-z][^\W\d_]+")
_LONGEST_NAME: Final = 12
_LONGEST_LABELLED: Final = 3000


class FormReader:
    """Feeds one :class:`Collector` in reading order; ``where`` turns an offset into words."""

    def __init__(self, page: Page, source: str, where: Callable[[int], str]) -> None:
        self.page = page
        self.collector = Collector(source)
        self.where = where
        self.last = ""
        """The place of the pair before: a bare "share" belongs to the person it follows."""

    @property
    def candidates(self) -> list[Candidate]:
        return self.collector.candidates

    def read(self, answers: tuple[Answer, ...]) -> None:
        """All pairs of the page, then answers under quoted questions."""
        for answer in [*answers, *_dialogue(self.page)]:
            self._answer(answer)
        found = [pair for pair in pairs(self.page) if self.page.is_free(pair.start, pair.end)]
        done = 0
        for index, pair in enumerate(found):
            if index < done:
                continue
            pair = self._of_shares(pair)
            spot = _spot(pair)
            if self._is_phrase(pair, spot):
                done = index + 1 + self._followers(found, index)
                self._phrase(pair, found[done - 1].end)
            else:
                self._pair(pair, spot)
            bare = isinstance(pair.path[-1], str) and read_label(pair.path[-1]).has("pct", "roles")
            self.last = self.last if spot.path is None and bare else spot.path or ""

    def _pair(self, pair: Pair, spot: Place) -> None:
        pair, spot = self._meant(pair, spot)
        if self._is_sentence(pair, spot) or self._is_german_register(pair, spot) or self._is_detail(pair, spot):
            return
        if self._several(pair):
            return
        start, end = cut(self.page, spot.path, pair.start, pair.end)
        value = self.page.text[start:end]
        if "\n" in value:
            joint = ", " if spot.path in ("address", "address.line1") else " "
            value = joint.join(
                line.strip(" ,\t|") if joint == ", " else line.strip() for line in value.split("\n") if line.strip()
            )
        if spot.path == "persons[].ownership_pct" and _SOMEBODY.search(self.page.plain[end : pair.end]):
            return  # "Ownership: 60 % with Jane Doe, who …": whose it is, the prose has to say
        if spot.path == "bank.account_number" and self._is_of_several(pair) and self._composite(pair.start, pair.end):
            return
        if not value.strip() or (self._is_composite(spot, value) and self._composite(start, end)):
            return
        if spot.path != "contact":  # a line of contact details: what the collector does not know stays for the prose
            self._claim(start, end, spot)
        self.collector.add(pair.path, value.strip(), self.where(start))

    def _of_shares(self, pair: Pair) -> Pair:
        """ "Shares = Jane Doe 70 %, John Roe 30 %": the label is a number's, but what follows are people."""
        text = self.page.text[pair.start : pair.end]
        if _spot(pair).path != "persons[].ownership_pct" or not tells_shares(text):
            return pair
        return pair._replace(path=("주주" if has_cjk(text) else "owners",))

    def _several(self, pair: Pair) -> bool:
        """ "Company name and number?" over "Stylereplay Limited, 99005566": as many values as the label asks for."""
        value = self.page.text[pair.start : pair.end].strip()
        if not apart(tuple(key for key in pair.path if isinstance(key, str)), value):
            return False
        self.page.claim(pair.start, pair.end)
        self.collector.add(pair.path, value, self.where(pair.start))
        return True

    def _meant(self, pair: Pair, spot: Place) -> tuple[Pair, Place]:
        """Labels of two meanings, decided by the value: "Business: courier service", "Office: Warehouse 12, Dubai"."""
        text = self.page.plain[pair.start : pair.end]
        label = read_label(str(pair.path[-1]))
        told = spot.scheme == "company" and len(text.split()) > 2 and not _is_a_name(text)
        if told and not self._has_company(pair):
            pair = pair._replace(path=("business description",))
        elif (spot.path or "").startswith("bank.") and self._is_contact(pair):
            pair = pair._replace(path=("contact",))  # "Contact for the account: accounts@…"
        elif label.has("roles") and "," in text and any(map(str.isdigit, text)) and "%" not in text:
            pair = pair._replace(path=("address",))
        return pair, _spot(pair)

    def _is_contact(self, pair: Pair) -> bool:
        end = min(pair.end, self.page.sentence(pair.start)[1])
        kinds = {span.kind for span in self.page.spans_in(pair.start, end)}
        return "email" in kinds and "iban" not in kinds

    def _is_german_register(self, pair: Pair, spot: Place) -> bool:
        """ "Registergericht: Amtsgericht Köln, HRB 999002" is a number with its court: prose reads both at once."""
        text = self.page.plain[pair.start : pair.end]
        return spot.path in ("registration_court", "registration", None) and _GERMAN.search(text) is not None

    def _is_detail(self, pair: Pair, spot: Place) -> bool:
        """A share or an office right below a person, with no word of whose it is."""
        label = read_label(str(pair.path[-1])) if isinstance(pair.path[-1], str) else None
        if spot.path is not None or label is None or not self.last.startswith("persons[]"):
            return False
        field = "ownership_pct" if label.has("pct") else "roles" if label.has("roles", "~title") else None
        start, end = cut(self.page, f"persons[].{field}", pair.start, pair.end)
        value = self.page.text[start:end]
        if field is None or (field == "ownership_pct" and not any(map(str.isdigit, value))):
            return False
        self.page.claim(start, end)
        self.collector.detail(field, value, self.where(start), str(pair.path[-1]))
        return True

    def _is_of_several(self, pair: Pair) -> bool:
        """ "Account: sort code 20-20-15, account number 55555555": numbers with names of their own."""
        marks = read_marks(Page(self.page.text[pair.start : pair.end]))
        return any(mark.path.startswith("bank.") and mark.path != "bank.account_number" for mark in marks)

    @staticmethod
    def _is_composite(spot: Place, value: str) -> bool:
        return spot.path in ("bank", "registration") or (spot.path == "contact" and has_cjk(value))

    def _claim(self, start: int, end: int, spot: Place) -> None:
        """Mark a value as read; a site or an address of mail inside a description may still be the merchant's."""
        for span in self.page.spans_in(start, end, "url", "email") if spot.path == "business_description" else ():
            self.page.claim(start, span.start)
            start = span.end
        self.page.claim(start, end)

    def _composite(self, start: int, end: int) -> bool:
        """ "Account: bank code 1100, branch 000, no. 0001234": numbers with their own names inside one value."""
        text = self.page.plain[start:end]
        if text.isdigit() and len(text) in (3, 4):
            self.collector.emit("bank.bank_code", text, self.where(start), "bank")
            return True
        marks = read_marks(Page(self.page.text[start:end]))
        for mark in marks:
            self.page.claim(start + mark.start, start + mark.end)
            self.collector.emit(mark.path, mark.raw, self.where(start + mark.start), mark.label)
        return bool(marks)

    def _is_sentence(self, pair: Pair, spot: Place) -> bool:
        """A label word in a sentence ("One request: please …"): too long, or no value of its kind."""
        words = self.page.plain[pair.start : pair.end].split()
        if spot.path in ("legal_name", "trading_name", "persons[].name", "contact.name"):
            return len(words) > _LONGEST_NAME and not self._has_company(pair)
        return pair.end - pair.start > _LONGEST_LABELLED and spot.path != "business_description"

    def _has_company(self, pair: Pair) -> bool:
        return company_in(self.page, pair.start, pair.end) is not None

    def _is_phrase(self, pair: Pair, spot: Place) -> bool:
        """Whether a person's value says more than a name."""
        if spot.path not in ("persons[].phrase", "persons[].name", "persons[].sole_owner"):
            return False
        text = self.page.plain[pair.start : pair.end]
        return any(char.isdigit() for char in text) or ("(" in text and len(text) > 40) or is_told(text)

    def _followers(self, found: list[Pair], index: int) -> int:
        """How many further pairs of the same line belong to the same person."""
        count = 0
        for pair, later in zip(found[index:], found[index + 1 :], strict=False):
            same = "\n" not in self.page.plain[pair.end : later.start] and (_spot(later).path or "").startswith(
                "persons[]"
            )
            if not same or _spot(later).path in ("persons[].phrase", "persons[].name"):
                break
            count += 1
        return count

    def _phrase(self, pair: Pair, end: int) -> None:
        """People described in a phrase, each fed with its details behind it; a phrase with a company in it goes as
        it is."""
        end = min(end, pair.start + _LONGEST_LABELLED)
        found = []
        if company_in(self.page, pair.start, end) is None:
            found = self._named(pair, end)
        plain = mentions(self.page.text[pair.start : end], several=True)
        if len(plain) > len(found) and all(
            person.name and [field for field, _ in person.details] == ["ownership_pct"] for person in plain
        ):
            found = []  # "Kim 70 %, Lee 30 %": a bare list, with none of the words that prose goes by
        if not found:
            self._pair(pair, _spot(pair))
        told = any(field == "roles" for person in found for field, *_ in person.details)
        both = len(found) > 1 and not told and says_both(str(pair.path[-1]))
        for number, person in enumerate(found):
            self._person((*pair.path, number) if len(found) > 1 else pair.path, person, pair.start)
            if both:
                self.collector.detail("roles", "director", self.where(pair.start), str(pair.path[-1]))

    def _named(self, pair: Pair, end: int) -> list[Person]:
        """The people in a value. Eastern names are known by the office before them, so their label is read with it."""
        label = str(next((key for key in reversed(pair.path) if isinstance(key, str)), ""))
        lead = f"{label}：" if has_cjk(label) else ""
        people = read_people(Page(lead + self.page.text[pair.start : end]), merchant=None, sender=None, owners=True)
        return [
            person._replace(
                start=max(person.start - len(lead), 0),
                details=tuple((field, raw, max(at - len(lead), 0), why) for field, raw, at, why in person.details),
            )
            for person in people.persons
        ]

    def _person(self, path: tuple[Key, ...], person: Person, base: int) -> None:
        self.page.claim(base + person.start, base + person.start + len(person.name))
        self.collector.add(path, person.name, self.where(base + person.start))
        for field, raw, at, label in person.details:
            if field != "roles":
                self.page.claim(base + at, base + at + len(raw))
            self.collector.detail(field, raw, self.where(base + at), label)

    def _answer(self, answer: Answer) -> None:
        """What stands under a question that asks for one thing."""
        question = answer.question.strip(" ?？:*-0123456789.)#")
        if not self.page.is_free(answer.start, answer.end):
            return
        if place((question,)).path is None:
            question = next((label for concept, label in _ASKED.items() if _asks(question, concept)), "")
        if question:
            self._pair_or_phrase(Pair((question,), answer.start, answer.end, True))

    def _pair_or_phrase(self, pair: Pair) -> None:
        pair = self._of_shares(pair)
        spot = _spot(pair)
        if self._is_phrase(pair, spot):
            self._phrase(pair, pair.end)
        else:
            self._pair(pair, spot)


def _asks(question: str, concept: str) -> bool:
    return any(cue.concept == concept for cue in prose_phrases().find(question[:300]))


def _dialogue(page: Page) -> list[Answer]:
    """ "Q: … A: …" in lines; an answer may go on until a blank line or the next question."""
    found = []
    for match in _QUESTION.finditer(page.plain):
        end = match.end()
        while (more := _MORE.match(page.plain, end)) and end - match.start() < _LONGEST_LABELLED:
            end = more.end()
        found.append(Answer(match.group("question"), match.start("answer"), end))
    return found


def _spot(pair: Pair) -> Place:
    return place(tuple(key for key in pair.path if isinstance(key, str)))


def _is_a_name(text: str) -> bool:
    """Whether a short text without punctuation reads as a name: a legal form, or every longer word a capital."""
    words = [word for word in re.findall(r"[^\W\d_]+", text) if len(word) > 3]
    plain = len(words) <= 6 and not re.search(r"[.,;:!?]", text)
    return is_entity(text) or (plain and all(word[0].isupper() for word in words))
