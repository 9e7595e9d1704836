"""Words that no merchant is ever to read from us."""

import re

SUSPICION = re.compile(
    r"screen|sanction|\bpep\b|politic|watch ?list|\blist(ed|s)?\b|suspic|suspect|fraud|launder|terror|crime|criminal|"
    r"injection|prompt|hidden|homoglyph|formula|card number|duplicate|another merchant|match|hit\b|flag|compliance|"
    r"prohibited|risk|score|model|rule|alert|investigat",
    re.IGNORECASE,
)
