"""SVC2 as LangChain tools: what the graph's nodes call."""

from langchain_core.tools import BaseTool

from tools.activation import Activation
from tools.activation_tools import activation_tools
from tools.patience import Patience

NAME = "svc2"


def svc2(base_url: str, patience: Patience | None = None) -> Activation:
    """The pooled client of SVC2 at ``base_url``."""
    return Activation(NAME, base_url, patience)


def svc2_tools(client: Activation) -> list[BaseTool]:
    """``activate_svc2``, ``lookup_svc2``, ``cancel_svc2``."""
    return activation_tools(client)
