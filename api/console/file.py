"""A case as one HTML file: readable without a network, for ever, and harmless whatever a merchant wrote into it."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from fastapi.responses import Response

from api.console import drawing
from api.console.page import templates
from api.console.source import passages, sources
from api.story import told
from graph.dossier import Dossier
from onboarding.catalogue import CATALOGUE
from onboarding.decision import worst
from onboarding.ownership_chart import ownership_chart


def answer(found: Dossier) -> Response:
    """The file, to be saved: no browser shows it as a page of ours."""
    case_id = found.opened.view.id
    headers = {"Content-Disposition": f'attachment; filename="case-{case_id}.html"'}
    return Response(page(found).encode("utf-8", "surrogatepass"), media_type="text/html", headers=headers)


def page(found: Dossier) -> str:
    """The file's text. Its own policy lets nothing in but its own style sheet, known by its hash."""
    view = found.opened.view
    chart = ownership_chart(view.application)
    style = _style()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return templates.get_template("console/file.html").render(
        found=found,
        case=view,
        style=style,
        style_hash=digest,
        sources=sources(found.opened.parts, passages(view)),
        catalogue=CATALOGUE,
        worst=worst,
        told=told,
        chart=chart,
        chart_drawing=drawing.of_ownership(chart) if chart else None,
        flow_drawing=drawing.of_flow(found.flow),
        step_words=drawing.step_words,
        at=found.at.isoformat(timespec="seconds"),
    )


@cache
def _style() -> str:
    return (Path(__file__).parent.parent / "static" / "console.css").read_text(encoding="utf-8")
