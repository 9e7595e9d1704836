"""Signing in at the company's own provider: it says who somebody is; what they may do stands in our ledger."""

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from checkpoints import access, sessions
from checkpoints.database import Tx
from graph.context import Context
from graph.signing import ELSEWHERE, Begun, inside
from onboarding.errors import Forbidden, SignInRefused
from onboarding.settings import BadSettings, Settings

if TYPE_CHECKING:
    from tools.oidc import Provider, Trip

TRY_LIVES: Final = timedelta(minutes=10)
CALLBACK: Final = "/console/oidc/callback"


class Left(NamedTuple):
    """Where the browser goes, and the state it must bring back: kept in a cookie of its own."""

    url: str
    state: str


def provider(settings: Settings) -> "Provider | None":
    """The configured provider, None without one. Raises BadSettings for half a configuration."""
    names = ("oidc_issuer", "oidc_client_id", "oidc_client_secret")
    missing = [f"ONBOARD_{name.upper()}" for name in names if not getattr(settings, name)]
    if len(missing) == len(names):
        return None
    if missing:
        raise BadSettings(f"{missing[0]}: signing in by OIDC takes issuer, client id and client secret.")
    try:
        from tools.oidc import Provider, is_loopback  # imported here: it is an extra
    except ImportError as error:
        raise BadSettings("ONBOARD_OIDC_ISSUER needs the extra `oidc` (Authlib) to be installed.") from error
    issuer, client_id, secret = (str(getattr(settings, name)) for name in names)
    if not issuer.startswith("https://") and not is_loopback(issuer):
        raise BadSettings("ONBOARD_OIDC_ISSUER: it must begin with https://.")
    return Provider(issuer, client_id, secret, f"{settings.public_url.rstrip('/')}{CALLBACK}")


def _trip(ctx: Context, state: str) -> "Trip":
    """Nonce and verifier are made again from the state by our secret, so neither is stored."""
    from tools.oidc import Trip

    return Trip(state, ctx.lookup.token("oidc-nonce", state), ctx.lookup.token("oidc-verifier", state))


async def leave(ctx: Context, at: "Provider", leads_to: str) -> Left:
    """Begin: remember the try by the hash of its state. Raises ProviderUnavailable."""
    state = secrets.token_urlsafe(32)
    url = await at.leave(_trip(ctx, state))
    await ctx.db.write(lambda tx: sessions.create_link(tx, state, ELSEWHERE, inside(leads_to), TRY_LIVES))
    return Left(url, state)


async def arrive(ctx: Context, at: "Provider", *, state: str, kept: str, code: str) -> Begun:
    """Open a session for whoever comes back, once. ``kept`` is the state of this browser's cookie.

    Raises SignInRefused, ProviderUnavailable, Forbidden for somebody who has no role.
    """
    if not state or not secrets.compare_digest(state.encode(), kept.encode()):
        raise SignInRefused("This sign-in was not begun in this browser.")
    used = await ctx.db.write(lambda tx: sessions.use_link(tx, state) if _is_try(tx, state) else None)
    if used is None:
        raise SignInRefused("This sign-in was used already, or took too long. Begin again.")
    email = await at.arrive(code, _trip(ctx, state))
    listed = {known.casefold(): known for known in ctx.settings.reviewer_addresses}.get(email.casefold())

    def begin(tx: Tx) -> Begun:
        name = access.named(tx, email) or listed
        if name is None or not access.standing(tx, name, listed=listed is not None):
            raise Forbidden("You are known to the provider, but nobody here gave you a role.")
        return Begun(sessions.begin(tx, name, by=at.issuer), name, used.leads_to)

    return await ctx.db.write(begin)


def _is_try(tx: Tx, state: str) -> bool:
    row = sessions.link(tx, state)
    return row is not None and row.name == ELSEWHERE
