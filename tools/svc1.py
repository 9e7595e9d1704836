"""SVC1 as LangChain tools: what the graph's nodes call."""

from langchain_core.tools import BaseTool

from tools.activation import Activation
from tools.activation_tools import activation_tools
from tools.limit import Turn, free
from tools.patience import Patience

NAME = "svc1"


def svc1(base_url: str, patience: Patience | None = None, turn: Turn = free) -> Activation:
    """The pooled client of SVC1 at ``base_url``; ``turn`` says when a call may be made."""
    return Activation(NAME, base_url, patience, turn)


def svc1_tools(client: Activation) -> list[BaseTool]:
    """``activate_svc1``, ``lookup_svc1``, ``cancel_svc1``."""
    return activation_tools(client)
