"""The HTTP face: every router, one error table, a byte cap, and the sandbox where no service is configured."""

from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp

from api import bundle, cases, console, custody, examples, merchant, operations, problems, review, trail
from api.console.pages import Pages
from api.console.signin import Gate
from api.console.tally import Tally
from api.limits import Addressed, BodyLimit
from api.merchant.page import Gate as MerchantGate
from api.traced import Traced
from graph import elsewhere
from graph.metrics import Metrics
from graph.wiring import Product
from tools.sandbox import sandbox

DESCRIPTION: Final = (
    "Submit merchants' applications, follow them, decide on them. Nothing accepted is lost, nothing happens twice, "
    "nobody gets past the gate, everything can be explained. Errors are RFC 9457 problem details with a stable `code`."
)


def create_app(product: Product, metrics: Metrics) -> ASGIApp:
    """The application over a built product. Call it inside the event loop that will serve it."""
    app = _routed()
    app.state.product = product
    app.state.metrics = metrics
    app.state.watchers = trail.Watchers(product)
    app.state.gate = Gate(product)
    app.state.merchant_gate = MerchantGate(product)
    app.state.tally = Tally(product)
    app.state.pages = Pages()
    app.state.provider = elsewhere.provider(product.settings)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"))
    if not (product.settings.svc1_url and product.settings.svc2_url):
        app.mount("/sandbox", sandbox(product.settings.data_dir / "sandbox.db"))
    return Traced(Addressed(BodyLimit(app, product.settings.max_body_bytes, merchant.PAGES)))


def openapi_document() -> dict[str, Any]:
    """The OpenAPI document, without a product behind it."""
    return _routed().openapi()


def _routed() -> FastAPI:
    app = FastAPI(title="Merchant onboarding", version="1", description=DESCRIPTION, redoc_url=None)
    problems.install(app)
    for part in (cases, custody, trail, bundle, review, merchant, console, operations):
        app.include_router(part.router)
    app.add_api_route("/", _console, include_in_schema=False)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _console() -> RedirectResponse:
    """Who opens the bare address is looking for the pages."""
    return RedirectResponse("/console")


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document with the shapes that only our own readers and error table know."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for model in (problems.Problem, cases.RowResults, cases.DecisionBody):
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        schemas["Problem"]["properties"]["code"]["description"] = problems.codes()
        schemas["Problem"]["examples"] = [examples.PROBLEM]
        for (path, method, status), shown in examples.OF_CALL.items():
            content = document["paths"][path][method]["responses"][status]["content"]["application/json"]
            content["examples"] = {name: {"value": value} for name, value in shown.items()}
        for operations_ in document["paths"].values():
            for operation in operations_.values():
                _only_problems(operation["responses"])
        app.openapi_schema = document
    return app.openapi_schema


def _only_problems(responses: dict[str, Any]) -> None:
    """Where FastAPI assumes its own 422 shape, ours is answered."""
    invalid = responses.get("422")
    if invalid and "HTTPValidationError" in str(invalid):
        schema = {"$ref": "#/components/schemas/Problem"}
        responses["422"] = {"description": "`invalid_request`", "content": {problems.MEDIA_TYPE: {"schema": schema}}}
