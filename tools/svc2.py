"""SVC2 as LangChain tools: what the graph's nodes call."""

from langchain_core.tools import BaseTool

from tools.activation import Activation
from tools.activation_tools import activation_tools
from tools.limit import Turn, free
from tools.patience import Patience

NAME = "svc2"


def svc2(base_url: str, patience: Patience | None = None, turn: Turn = free) -> Activation:
    """The pooled client of SVC2 at ``base_url``; ``turn`` says when a call may be made."""
    return Activation(NAME, base_url, patience, turn)


def svc2_tools(client: Activation) -> list[BaseTool]:
    """``activate_svc2``, ``lookup_svc2``, ``cancel_svc2``."""
    return activation_tools(client)
