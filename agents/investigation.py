"""Looking for what rules are weak at: a bounded number of turns, read-only look-ups, findings with checked quotes.

The model sees extracted fields, shortened and masked, never the raw text; it can add findings and nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.tools import BaseTool
from pydantic import Field

from agents.answers import Answer, plain
from agents.extraction import is_telling
from agents.grounding import Grounds, Source
from agents.masked import lines, masked
from agents.prompt import Prompt, fenced, load_prompt
from agents.talk import Talk
from agents.veil import Veil
from onboarding.application import Application
from onboarding.finding import Evidence, Finding, finding
from onboarding.model import Value
from onboarding.reading.result import FieldSource, Reading

Code = Literal[
    "PROHIBITED_BUSINESS",
    "MCC_DESCRIPTION_MISMATCH",
    "DELIVERY_DELAY_RISK",
    "FIELD_CONFLICT",
    "PROMPT_INJECTION_SUSPECTED",
]
"""What a model may add. The other codes are computed: a model cannot know whether a check digit holds."""
MOST_LOOK_UPS: Final = 4
LONGEST_ANSWER: Final = 3_000
LONGEST_WHY: Final = 400
_ABOUT_THE_BUSINESS: Final = ("business_description", "trading_name", "legal_name", "website")


class LookUp(Answer):
    tool: Annotated[str, Field(max_length=60)]
    argument: Annotated[str, Field(max_length=300)]


class Claim(Answer):
    code: Code
    path: Annotated[str, Field(max_length=80)]
    quote: Annotated[str, Field(max_length=600)]
    contradicts: Annotated[str, Field(max_length=600)]
    why: Annotated[str, Field(max_length=600)]


class Turn(Answer):
    """The shape of each of the investigating model's answers."""

    look_up: Annotated[list[LookUp], Field(max_length=20)]
    findings: Annotated[list[Claim], Field(max_length=20)]
    done: bool


class Investigation(Value):
    """Findings whose quotes stand in the fields, and how many claims had no ground."""

    findings: list[Finding] = Field(default_factory=list)
    ungrounded: int = 0


def prompt() -> Prompt:
    return load_prompt("investigate")


async def investigate(
    reading: Reading, known: Sequence[Finding], tools: Sequence[BaseTool], talk: Talk
) -> Investigation:
    """Ask, answer look-ups, and check what the model claims. Raises ModelGaveUp; then nothing was found.

    ``known`` are the rules' findings: what they raised at a place is not raised there again.
    """
    veil, offered = Veil(), {tool.name: tool for tool in tools}
    fields = masked(reading.application, veil)
    messages: list[BaseMessage] = [HumanMessage(_opening(fields, known, tools))]
    turn = Turn(look_up=[], findings=[], done=False)
    for number in range(1, talk.model.limits.turns + 1):
        turn, reply = await talk.ask(prompt(), messages, Turn)
        if turn.done or not turn.look_up:
            break
        answers = [await _look_up(offered, asked, veil) for asked in turn.look_up[:MOST_LOOK_UPS]]
        last = number + 1 >= talk.model.limits.turns
        closing = "This is your last turn: give your findings and set done to true." if last else ""
        messages += [AIMessage(reply.text), HumanMessage("\n\n".join([*answers, closing]).strip())]
    return check_claims(turn.findings, reading, known, veil)


def _opening(fields: Mapping[str, Any], known: Sequence[Finding], tools: Sequence[BaseTool]) -> str:
    offered = "\n".join(f"- {tool.name}: {' '.join(tool.description.split())}" for tool in tools) or "- none"
    places = {(item.code, item.path if item.path in fields else "the application") for item in known}
    raised = "\n".join(f"- {code} at {place}" for code, place in sorted(places)) or "- none"
    return (
        f"Fields as read:\n{fenced(lines(fields), 'application')}\n\n"
        f"Already found by rules (do not repeat):\n{raised}\n\nTools:\n{offered}"
    )


async def _look_up(offered: Mapping[str, BaseTool], asked: LookUp, veil: Veil) -> str:
    """The answer of one look-up, cut and fenced; a tool nobody offered does not exist, one that fails says so."""
    tool = offered.get(asked.tool)
    if tool is None:
        return "There is no such tool."
    try:
        found = str(await tool.ainvoke({"argument": asked.argument}))
    except Exception as error:  # noqa: BLE001 - a look-up is a help, its failure must not end the investigation
        found = f"the look-up failed ({type(error).__name__})"
    return fenced(veil.hide(found[:LONGEST_ANSWER]), f"answer of {tool.name}")


def check_claims(claims: Sequence[Claim], reading: Reading, known: Sequence[Finding], veil: Veil) -> Investigation:
    """Findings of the claims that hold: their quotes stand in the named fields, and nobody raised them there before."""
    standing = {(item.code, item.path) for item in known}
    found: list[Finding] = []
    ungrounded = 0
    for claim in claims:
        raised = _checked(claim, reading, veil)
        if raised is None:
            ungrounded += 1
        elif (raised.code, raised.path) not in standing:
            standing.add((raised.code, raised.path))
            found.append(raised)
    return Investigation(findings=found, ungrounded=ungrounded)


def _checked(claim: Claim, reading: Reading, veil: Veil) -> Finding | None:
    app = reading.application
    evidence = _evidence(claim.path, claim.quote, reading, veil, short=claim.code == "FIELD_CONFLICT")
    if evidence is None or not _may(claim, app):
        return None
    proof = [evidence]
    if claim.code == "FIELD_CONFLICT":
        others = [path for path in app.flat() if path != claim.path]
        other = next(
            (e for path in others if (e := _evidence(path, claim.contradicts, reading, veil, short=True))), None
        )
        if other is None:
            return None
        proof.append(other)
    why = " ".join(plain(veil.show(claim.why), LONGEST_WHY).split()) or "No reason given."
    return finding(claim.code, f"Model: {why}", raised_by=prompt().author, path=claim.path, evidence=proof)


def _may(claim: Claim, app: Application) -> bool:
    """Whether the code can be true at all there (policy 2.1, 9)."""
    if claim.code == "MCC_DESCRIPTION_MISMATCH":
        return app.mcc is not None and claim.path == "business_description"
    return claim.code != "PROHIBITED_BUSINESS" or claim.path in _ABOUT_THE_BUSINESS


def _evidence(path: str, quote: str, reading: Reading, veil: Veil, *, short: bool) -> Evidence | None:
    """The passage in the value of ``path``; None where it does not stand there or is too short to prove anything."""
    value = reading.application.flat().get(path)
    if value is None:
        return None
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    passage = Grounds([Source(path, text)]).find(veil.show(quote))
    if passage is None or not (short or is_telling(passage.quote)):
        return None
    origin = reading.provenance.get(path) or FieldSource(raw="", source="input")
    return Evidence(source=origin.source, quote=passage.quote, where=origin.where, detail=f"in {path}")
