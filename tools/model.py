"""Reaches a language model behind any OpenAI-compatible endpoint, through langchain-openai.

What the vendor raises stays here: outside there are replies, ``ModelUnavailable`` (ask again) and ``ModelRefused``.
One request is one try, nothing is retried here; no proxy and no tracing from the environment; an endless body is cut.
"""

import ssl
from collections.abc import AsyncIterator, Sequence
from functools import cache
from typing import Any, Final

import httpx2
import openai
from langchain_core.messages import AIMessage, BaseMessage
from langchain_openai import ChatOpenAI
from langsmith.run_helpers import tracing_context
from pydantic import SecretStr

from onboarding.model_call import ModelRefused, ModelUnavailable, Reply
from tools.patience import retry_after

DEFAULT_URL: Final = "https://api.openai.com/v1"
CONNECT_SECONDS: Final = 5.0
LARGEST_ANSWER: Final = 4_000_000
"""Bytes of one HTTP answer, decompressed."""
AGAIN: Final = frozenset({408, 409, 425, 429})
"""Statuses below 500 that may be asked again."""


class OpenAIEndpoint:
    """One model at one endpoint. ``schema_mode``: how the answer's shape is asked for (``json_schema``,
    ``json_object`` for endpoints that know no schemas, ``text`` for those that know neither)."""

    def __init__(
        self,
        name: str,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        seconds: float = 60.0,
        schema_mode: str = "json_schema",
    ) -> None:
        self.name = name
        self._schema_mode = schema_mode
        self._client = _Client(
            transport=_Capped(verify=_tls(), trust_env=False),
            timeout=httpx2.Timeout(seconds, connect=CONNECT_SECONDS),
            trust_env=False,
            follow_redirects=False,
        )
        self._chat = ChatOpenAI(
            model=name,
            api_key=SecretStr(api_key or "none"),
            base_url=base_url or DEFAULT_URL,
            openai_proxy=None,
            timeout=seconds,
            max_retries=0,
            use_responses_api=False,
            http_client=httpx2.Client(verify=_tls(), trust_env=False),  # never used: we only ask asynchronously
            http_async_client=self._client,
        )

    async def aclose(self) -> None:
        """Close what is open."""
        await self._client.aclose()

    async def complete(self, messages: Sequence[BaseMessage], *, parameters: dict[str, Any], seconds: float) -> Reply:
        """One request, at most ``seconds`` long between two bytes. Raises ModelUnavailable or ModelRefused."""
        try:
            with tracing_context(enabled=False):
                said = await self._chat.ainvoke(list(messages), **self._bound(parameters), timeout=seconds)
        except openai.APIStatusError as error:
            raise _status(error) from None
        except openai.APITimeoutError:
            raise ModelUnavailable("no answer in time") from None
        except openai.APIConnectionError:
            raise ModelUnavailable("the connection failed") from None
        except _TooLong:
            raise ModelUnavailable("an answer without end") from None
        except Exception as error:  # noqa: BLE001 - a body that is no completion breaks the SDK in many ways
            raise ModelUnavailable(f"no completion came back ({type(error).__name__})") from None
        return _reply(said)

    def _bound(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Our parameters as langchain takes them. The shape goes past the SDK's parser, which loses the raw text."""
        bound: dict[str, Any] = {k: parameters[k] for k in ("temperature", "max_tokens") if k in parameters}
        if schema := parameters.get("schema"):
            if self._schema_mode == "json_schema":
                form: dict[str, Any] = {"type": "json_schema", "json_schema": {**schema, "strict": True}}
                bound["extra_body"] = {"response_format": form}
            elif self._schema_mode == "json_object":
                bound["extra_body"] = {"response_format": {"type": "json_object"}}
        return bound


@cache
def _tls() -> ssl.SSLContext:
    return httpx2.create_ssl_context(trust_env=False)


class _TooLong(Exception):
    """The body is longer than any answer."""


class _Client(httpx2.AsyncClient):
    """Ours, so that the SDK closes nothing behind our back."""


class _Capped(httpx2.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["accept-encoding"] = "identity"
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx2.AsyncByteStream)
        response.stream = _CappedStream(response.stream)
        return response


class _CappedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise _TooLong
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _status(error: openai.APIStatusError) -> ModelUnavailable | ModelRefused:
    """By status alone: what the endpoint wrote beside it is not repeated anywhere."""
    status = error.status_code
    if status in AGAIN or status >= 500:
        return ModelUnavailable(f"HTTP {status}", retry_after=retry_after(error.response.headers.get("retry-after")))
    return ModelRefused(f"HTTP {status}")


def _reply(said: BaseMessage) -> Reply:
    assert isinstance(said, AIMessage)
    usage = said.usage_metadata or {"input_tokens": 0, "output_tokens": 0}
    return Reply(
        text=said.text,
        input_tokens=max(0, usage["input_tokens"]),
        output_tokens=max(0, usage["output_tokens"]),
        finish=said.response_metadata.get("finish_reason"),
    )
