"""Who is asking: bearer tokens and what their roles allow."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal, cast

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from checkpoints import access
from graph.service import Actor
from graph.wiring import Product
from onboarding.errors import Forbidden, Unauthorized

Role = Literal["backend", "reviewer", "senior_reviewer", "admin"]
MAY: Final[dict[str, frozenset[str]]] = {
    "read": frozenset({"backend", "reviewer", "senior_reviewer", "admin"}),
    "submit": frozenset({"backend", "admin"}),
    "decide": frozenset({"reviewer", "senior_reviewer", "admin"}),
    "administer": frozenset({"admin"}),
}
_bearer = HTTPBearer(auto_error=False, description="A token from `onboard token create`.")


def product_of(request: Request) -> Product:
    """The product this application serves."""
    return cast(Product, request.app.state.product)


async def served(request: Request) -> Product:
    """The same as a dependency: a coroutine, because FastAPI sends plain functions through a thread."""
    return product_of(request)


Served = Annotated[Product, Depends(served)]
Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def bearer(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Actor:
    """The actor behind the token. Raises Unauthorized. Looked up at every call: a revoked token ends at once."""
    if credentials is None:
        raise Unauthorized()
    token = credentials.credentials
    row = await product_of(request).context.db.read(lambda tx: access.bearer(tx, token))
    if row is None:
        raise Unauthorized("This token is not valid.")
    request.state.actor = Actor(row.name, row.role)
    return cast(Actor, request.state.actor)


def may(what: str) -> Callable[[Request, Credentials], Awaitable[Actor]]:
    """A dependency: the actor, if the role allows ``what``. Raises Unauthorized, Forbidden.

    One for both questions: each dependency that FastAPI resolves costs a request as much as looking the token up.
    """

    async def check(request: Request, credentials: Credentials) -> Actor:
        actor = await bearer(request, credentials)
        if actor.role not in MAY[what]:
            raise Forbidden(f"The role {actor.role} may not {what}.")
        return actor

    return check


Reader = Annotated[Actor, Depends(may("read"))]
Submitter = Annotated[Actor, Depends(may("submit"))]
Decider = Annotated[Actor, Depends(may("decide"))]
Admin = Annotated[Actor, Depends(may("administer"))]
