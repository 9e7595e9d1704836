"""The three LangChain tools of an activation service, built once for SVC1 and SVC2."""

from typing import Annotated, Any

from langchain_core.tools import BaseTool, InjectedToolArg, StructuredTool

from tools.activation import Activation, OnAttempt


def activation_tools(client: Activation) -> list[BaseTool]:
    """``activate_<name>``, ``lookup_<name>``, ``cancel_<name>`` over ``client``; results are plain JSON.

    ``on_attempt`` and ``ask_first`` are injected by the calling node: no model is ever offered them.
    """

    async def activate(
        key: str,
        body: dict[str, Any],
        on_attempt: Annotated[OnAttempt | None, InjectedToolArg] = None,
        ask_first: Annotated[bool, InjectedToolArg] = False,
    ) -> dict[str, Any]:
        done = await client.activate(key, body, on_attempt=on_attempt, ask_first=ask_first)
        return done.to_json()

    async def lookup(key: str) -> dict[str, Any] | None:
        found = await client.lookup(key)
        return found.to_json() if found else None

    async def cancel(reference: str, on_attempt: Annotated[OnAttempt | None, InjectedToolArg] = None) -> dict[str, Any]:
        await client.cancel(reference, on_attempt=on_attempt)
        return {"reference": reference, "status": "cancelled"}

    name = client.name
    return [
        StructuredTool.from_function(
            coroutine=activate,
            name=f"activate_{name}",
            description=f"Activate a merchant in {name} under an idempotency key; the same key is one activation.",
        ),
        StructuredTool.from_function(
            coroutine=lookup,
            name=f"lookup_{name}",
            description=f"Ask {name} what it knows by an idempotency key; null for nothing.",
        ),
        StructuredTool.from_function(
            coroutine=cancel,
            name=f"cancel_{name}",
            description=f"Undo an activation in {name} by its reference; may be repeated.",
        ),
    ]
