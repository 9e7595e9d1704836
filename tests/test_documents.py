"""The documents cannot lie: what is made from the code is compared with the code."""

from api.docs import FINDINGS, HTTP, README, drawing, filled, findings, http
from graph.builder import build_graph
from onboarding.faults import STEPS


def test_the_readme_shows_the_graph_the_commands_and_the_settings_as_they_are():
    assert README.read_text() == filled(README.read_text()), "run python -m api.docs"


def test_the_http_reference_is_the_services_own():
    assert HTTP.read_text() == http(), "run python -m api.docs"


def test_the_findings_reference_is_the_catalogue():
    assert FINDINGS.read_text() == findings(), "run python -m api.docs"


def test_every_node_of_the_graph_is_drawn_and_every_working_step_has_fault_points():
    nodes = [name for name in build_graph().nodes if not name.startswith("__")]
    assert all(name in drawing() for name in nodes)
    waits = {"review", "second_review", "await_information", "await_service", "review_activation"}
    assert set(nodes) - waits == set(STEPS)
