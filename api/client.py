"""The shell's way to a running service, with errors as one clear line."""

from pathlib import Path
from typing import Any, Self

import httpx

from onboarding.settings import Settings

ADMIN_TOKEN = "admin-token"  # noqa: S105 - the name of a file


class CallFailed(Exception):
    """The service answered with a problem, or not at all. The message is for people."""

    def __init__(self, message: str, body: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.body = body or {}


class Client:
    """Calls the API of ``url`` with a bearer token."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        if not (token.isascii() and token.isprintable()):
            raise CallFailed("The token holds a character that no token has; set ONBOARD_TOKEN again.")
        try:
            self._http = httpx.Client(
                base_url=url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=60
            )
        except httpx.InvalidURL as error:
            raise CallFailed(f"ONBOARD_URL: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def download(self, path: str, **request: Any) -> bytes:
        """The body of the answer. Raises CallFailed."""
        return self._request("GET", path, **request).content

    def call(self, method: str, path: str, **request: Any) -> Any:
        """The JSON of the answer. Raises CallFailed."""
        answer = self._request(method, path, **request)
        return _document(answer)

    def _request(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CallFailed(
                f"No service answers at {self.url} ({type(error).__name__}). Is `onboard serve` running?"
            ) from error
        if answer.status_code >= 400:
            body = _document(answer)
            raise CallFailed(
                f"{body.get('code', answer.status_code)}: {body.get('detail') or answer.reason_phrase}", body
            )
        return answer


def _document(answer: httpx.Response) -> Any:
    """The JSON of an answer. Raises CallFailed where something else than our service answered."""
    try:
        return answer.json() if answer.content else {}
    except ValueError as error:
        told = f"{answer.status_code}, but no JSON: is this the address of `onboard serve`?"
        raise CallFailed(f"{answer.url.host} answered {told}") from error


def token_of(settings: Settings, given: str | None) -> str:
    """``ONBOARD_TOKEN``, else what ``serve`` left in the data folder. Raises CallFailed."""
    if given:
        return given
    path = Path(settings.data_dir) / ADMIN_TOKEN
    try:
        return path.read_text().strip()
    except OSError as error:
        raise CallFailed(f"No token: set ONBOARD_TOKEN, or run `onboard serve` (it leaves one in {path}).") from error
