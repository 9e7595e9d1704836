"""A made-up watchlist of any length, with names as alike as real ones are: for measuring only."""

import json
import random
from pathlib import Path
from typing import Any, Final

FIRST: Final = (
    "Arkady Boris Ivan Mohammed Ahmed Hassan Ali Maria Juan Carlos Jose Wei Li Chen John James Robert Anna "
    "Olga Svetlana Fatima Aisha Omar Yusuf Ibrahim Kim Min Jae Sergei Dmitri Nikolai Vladimir Pavel Andrei "
    "Igor Mikhail Aleksandr Peter Paul Mark Luis Pedro Miguel Ana Elena Irina Natalia Viktor Oleg Yuri Karim "
    "Khalid Mahmoud Abdul Rahman Saleh Nasser"
)
SYLLABLES: Final = (
    "ba be bo da de do ga gi ka ke ko la le lo ma me mi na ne no pa po ra re ro sa se so ta te to va ve vo zha "
    "shi cha kri sto bra dru yan gor lev mir pol var zen tur hal dar"
)
ENDINGS: Final = ("", "v", "n", "sky", "ez", "i", "ov", "enko", "adze", "yan", "berg", "son")
FORMS: Final = ("LLC", "Ltd", "JSC", "FZE", "GmbH", "Co")
TRADES: Final = (
    "Shipping",
    "Trading",
    "General Trading",
    "Bank",
    "Oil",
    "Aviation",
    "Minerals",
    "Logistics",
    "Holding",
)


def write(path: Path, entries: int, *, seed: int = 7) -> None:
    """Write ``entries`` entries: three people to one company, half of the people with an alias."""
    dice = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number in range(entries):
            entry = _company(dice, number) if number % 4 == 3 else _person(dice, number)
            file.write(json.dumps(entry) + "\n")


def surname(dice: random.Random) -> str:
    """A surname nobody has looked up before."""
    parts = dice.choices(SYLLABLES.split(), k=dice.randint(2, 4))
    return "".join(parts).capitalize() + dice.choice(ENDINGS)


def person_name(dice: random.Random) -> str:
    """A given name, sometimes two, and a surname."""
    return " ".join([*dice.sample(FIRST.split(), dice.choice((1, 1, 2))), surname(dice)])


def _person(dice: random.Random, number: int) -> dict[str, Any]:
    name = person_name(dice)
    properties: dict[str, Any] = {
        "name": [name],
        "birthDate": [f"{dice.randint(1940, 2000)}-{dice.randint(1, 12):02d}-{dice.randint(1, 28):02d}"],
        "nationality": [dice.choice(("ru", "ir", "sy", "kp", "ve", "by"))],
        "topics": [dice.choice(("sanction", "sanction", "role.pep"))],
    }
    if number % 2:
        properties["alias"] = [f"{name.split()[0]} {surname(dice)}"]
    return {"id": f"p-{number}", "schema": "Person", "properties": properties}


def _company(dice: random.Random, number: int) -> dict[str, Any]:
    name = f"{surname(dice)} {dice.choice(TRADES)} {dice.choice(FORMS)}"
    return {
        "id": f"c-{number}",
        "schema": "Company",
        "properties": {"name": [name], "jurisdiction": ["ae"], "topics": ["sanction"]},
    }
