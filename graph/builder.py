"""The product on one page: the way of a merchant from application to active or rejected.

Nodes are in ``graph/nodes.py`` (reach, judge, return), forks in ``graph/routes.py``. A node that waits for a person,
the merchant or the clock is an interrupt: the case is checkpointed there and holds nothing while it waits.
"""

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph import nodes, routes
from graph.context import Context
from graph.state import CaseState, Started

Graph = CompiledStateGraph[CaseState, Context, Started, CaseState]


def build_graph(saver: BaseCheckpointSaver[Any] | None = None) -> Graph:
    """The compiled flow, remembering through ``saver``."""
    graph = StateGraph(CaseState, context_schema=Context, input_schema=Started)

    # PreOnboarding: three agents
    graph.add_node(nodes.preprocess)
    graph.add_node(nodes.validate)
    graph.add_node(nodes.postprocess)
    # Human in the loop: what is shown, and the wait for who decides
    graph.add_node(nodes.present)
    graph.add_node(nodes.review)
    graph.add_node(nodes.present_second)
    graph.add_node(nodes.second_review)
    graph.add_node(nodes.request_information)
    graph.add_node(nodes.await_information)
    # Onboarding: the gate, both services, and what follows
    graph.add_node(nodes.authorise)
    graph.add_node(nodes.activate_svc1)
    graph.add_node(nodes.activate_svc2)
    graph.add_node(nodes.settle)
    graph.add_node(nodes.pause)
    graph.add_node(nodes.await_service)
    graph.add_node(nodes.compensate)
    graph.add_node(nodes.escalate)
    graph.add_node(nodes.review_activation)
    # How it ends
    graph.add_node(nodes.welcome)
    graph.add_node(nodes.decline)
    graph.add_node(nodes.close)

    graph.add_edge(START, "preprocess")
    graph.add_edge("preprocess", "validate")
    graph.add_edge("validate", "postprocess")
    graph.add_edge("postprocess", "present")
    graph.add_edge("present", "review")
    graph.add_conditional_edges("review", routes.after_review)
    graph.add_edge("present_second", "second_review")
    graph.add_conditional_edges("second_review", routes.after_second_review)
    graph.add_edge("request_information", "await_information")
    graph.add_conditional_edges("await_information", routes.after_information)
    graph.add_conditional_edges("authorise", routes.after_authorise, list(routes.BOTH))
    graph.add_edge("activate_svc1", "settle")  # both run in one step, so settle runs once, after both
    graph.add_edge("activate_svc2", "settle")
    graph.add_conditional_edges("settle", routes.after_settle)
    graph.add_edge("pause", "await_service")
    graph.add_conditional_edges("await_service", routes.after_authorise, list(routes.BOTH))
    graph.add_conditional_edges("compensate", routes.after_compensate)
    graph.add_edge("escalate", "review_activation")
    graph.add_conditional_edges("review_activation", routes.after_activation_review)
    graph.add_edge("welcome", END)
    graph.add_edge("decline", END)
    graph.add_edge("close", END)

    return graph.compile(checkpointer=saver, name="onboarding")
