"""Applications of merchants that do not exist, each unlike all others, so that no rule takes one for another."""

import hashlib
from typing import Any

FIRST = ("Amber", "Birch", "Cedar", "Dahlia", "Ember", "Fern", "Garnet", "Heath", "Indigo", "Juniper", "Kelp", "Lupin")
SECOND = (
    "Anvil",
    "Beacon",
    "Compass",
    "Dune",
    "Easel",
    "Furnace",
    "Gable",
    "Harbour",
    "Inkwell",
    "Jetty",
    "Kiln",
    "Loom",
)
TRADE = ("Bakery", "Bindery", "Brewery", "Cyclery", "Dairy", "Forge", "Grocery", "Joinery", "Nursery", "Pottery")
PEOPLE = ("Abbott", "Bracewell", "Chaloner", "Dunstable", "Eastwick", "Fairfax", "Goodspeed", "Hathersage", "Ingleby")


def merchant(seed: str, **changes: Any) -> dict[str, Any]:
    """A sound British application; ``seed`` decides everything in it."""
    number = int(hashlib.sha256(seed.encode()).hexdigest(), 16)
    name = f"{_of(FIRST, number)} {_of(SECOND, number >> 16)} {_of(TRADE, number >> 32)} {number % 9973}"
    domain = f"m{number % 10**10}.example.com"
    owner = f"{_of(FIRST, number >> 40)} {_of(PEOPLE, number >> 48)}"
    application = {
        "legal_name": f"{name} Ltd",
        "entity_type": "private_company",
        "country": "GB",
        "registration_number": f"{10_000_000 + number % 80_000_000:08d}",
        "tax_id": utr(number),
        "incorporation_date": f"20{10 + number % 9}-0{1 + number % 9}-1{number % 9}",
        "address": {
            "line1": f"{1 + number % 97} {_of(SECOND, number >> 8)} Lane",
            "city": "Leeds",
            "postal_code": "LS1 4AP",
            "country": "GB",
        },
        "website": f"https://{domain}",
        "mcc": "5462",
        "business_description": "A shop that makes what it sells, over the counter and by click-and-collect.",
        "expected_annual_volume": {"amount": f"{100_000 + number % 90_000}.00", "currency": "GBP"},
        "avg_ticket": {"amount": "9.50", "currency": "GBP"},
        "bank": {"iban": iban(number), "holder": f"{name} Ltd"},
        "contact": {"name": owner, "email": f"ops@{domain}", "phone": f"+44 113 496 {number % 1000:04d}"},
        "persons": [
            {
                "name": owner,
                "dob": f"19{60 + number % 30}-06-1{number % 9}",
                "nationality": "GB",
                "ownership_pct": 100,
                "roles": ["owner", "director", "control_person"],
            }
        ],
    }
    return application | changes


def utr(number: int) -> str:
    """A British tax reference with a good check digit, which is its first."""
    rest = f"{number % 10**9:09d}"
    total = sum(int(digit) * weight for digit, weight in zip(rest, (6, 7, 8, 9, 10, 5, 4, 3, 2), strict=True))
    return "21987654321"[total % 11] + rest


def iban(number: int) -> str:
    """A British IBAN with good check digits (ISO 13616) at a real sort code, its account made from ``number``."""
    account = f"BUKB202015{number % 10**8:08d}"
    digits = "".join(str(int(char, 36)) for char in account + "GB00")
    return f"GB{98 - int(digits) % 97:02d}{account}"


def _of(words: tuple[str, ...], number: int) -> str:
    return words[number % len(words)]
