"""Applications for measuring: as large and as clean as an honest merchant's, and all different from one another."""

from typing import Any

STREETS = ("Mill Lane", "Quay Street", "Orchard Close", "Station Road", "Harbour View", "Church Walk", "Kiln Yard")
TRADES = ("Bakery", "Books", "Cycles", "Florist", "Joinery", "Ceramics", "Outfitters", "Roastery", "Gardens")
WORDS = ("Amber", "Birch", "Copper", "Dover", "Elder", "Fern", "Granite", "Hazel", "Iris", "Juniper", "Kestrel")


def application(number: int) -> dict[str, Any]:
    """A complete British application; ``number`` makes every identifying value its own."""
    first, second = WORDS[number % 11], WORDS[(number // 11) % 11]
    name = f"{first} {second} {TRADES[number % 9]} {number}"
    host = f"{first}-{second}-{number}.example.com".lower()
    return {
        "legal_name": f"{name} Ltd",
        "entity_type": "private_company",
        "country": "GB",
        "registration_number": f"{10_000_000 + number:08d}",
        "incorporation_date": f"20{10 + number % 12:02d}-{1 + number % 12:02d}-{1 + number % 28:02d}",
        "address": {
            "line1": f"{1 + number % 300} {STREETS[number % 7]}",
            "city": "Leeds",
            "postal_code": f"LS{1 + number % 27} {number % 9 + 1}{chr(65 + number % 8)}{chr(65 + number // 8 % 8)}",
            "country": "GB",
        },
        "website": f"https://{host}",
        "mcc": "5462",
        "business_description": "Goods made by hand and sold over the counter and by click-and-collect.",
        "expected_annual_volume": {"amount": f"{100_000 + number}.00", "currency": "GBP"},
        "avg_ticket": {"amount": "9.50", "currency": "GBP"},
        "bank": {"iban": iban(number), "holder": f"{name} Ltd"},
        "contact": {"name": f"Jane {first}", "email": f"office@{host}", "phone": f"+44113496{number % 10_000:04d}"},
        "persons": [
            {
                "name": f"Jane {first}{number} {second}",
                "dob": f"19{50 + number % 45}-{1 + number % 12:02d}-{1 + number % 28:02d}",
                "nationality": "GB",
                "ownership_pct": 100,
                "roles": ["owner", "director", "control_person"],
            }
        ],
    }


def iban(number: int) -> str:
    """A British IBAN of its own, with right check digits (ISO 13616, mod 97-10)."""
    rest = f"BUKB202015{number % 100_000_000:08d}"
    digits = "".join(str(int(char, 36)) for char in f"{rest}GB00")
    return f"GB{98 - int(digits) % 97:02d}{rest}"
