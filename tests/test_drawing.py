"""Drawings: nodes in layers, who owns the applicant, and the flow with a case's way through it."""

import itertools
import xml.etree.ElementTree as ElementTree

import jinja2
from hypothesis import given
from hypothesis import strategies as st

from api.console import drawing
from api.console.page import templates
from graph.picture import END, picture
from onboarding.application import Application, OwnershipLink, Person
from onboarding.case import CaseView, Links
from onboarding.layered import layered
from onboarding.ownership_chart import MOST_HOLDINGS, ownership_chart

NODES = st.integers(0, 12).map(str)


@given(st.lists(st.tuples(NODES, NODES), max_size=40))
def test_every_arrow_leads_down_but_those_that_close_a_cycle(edges):
    order = [str(number) for number in range(13)]
    found = layered(order, edges)
    depth = {node: at for at, row in enumerate(found.rows) for node in row}
    assert sorted(depth) == sorted(order), "every node has its place, once"
    for edge in edges:
        assert (depth[edge[0]] < depth[edge[1]]) != (edge in found.back)


def test_an_order_that_is_given_says_what_leads_back():
    assert layered("abc", [("a", "b"), ("b", "c"), ("c", "a")], ordered=True).back == {("c", "a")}
    long = [str(number) for number in range(5_000)]
    assert len(layered(long, list(itertools.pairwise(long))).rows) == 5_000, "no recursion"


def link(owner, owns, pct, kind="person"):
    return OwnershipLink(owner=owner, owner_type=kind, owns=owns, pct=pct)


def test_the_owners_stand_below_the_applicant_with_what_is_theirs_in_the_end():
    app = Application(
        legal_name="Shop Ltd",
        ownership=[
            link("Ann", "Shop Ltd", 30),
            link("Hold BV", "Shop Ltd", 50, "entity"),
            link("Bo", "Hold BV", 40),
            link("Hold BV", "Top SA", 10, "entity"),
            link("Top SA", "Hold BV", 60, "entity"),
        ],
    )
    chart = ownership_chart(app)
    assert [[(one.name, one.kind, one.share) for one in row] for row in chart.rows] == [
        [("Shop Ltd", "applicant", None)],
        [("Ann", "person", 30), ("Hold BV", "entity", None), ("nobody named", "rest", 50)],
        [("Bo", "person", 20), ("Top SA", "entity", None)],
    ]
    assert [(one.owner, one.held) for one in chart.holdings if one.cycle] == [("hold bv", "top sa")]
    assert "Bo (person) holds 40 % of Hold BV." in chart.words
    assert "50 % end at no natural person that is named." in chart.words


def test_shares_of_a_flat_list_are_drawn_too_and_nothing_stated_draws_nothing():
    chart = ownership_chart(Application(persons=[Person(name="Ann", ownership_pct=60), Person(name="Bo")]))
    assert [[(one.name, one.share) for one in row] for row in chart.rows] == [
        [("The applicant", None)],
        [("Ann", 60), ("nobody named", 40)],
    ]
    assert ownership_chart(Application(persons=[Person(name="Bo")])) is None


def test_a_thousand_holdings_and_hostile_names_are_a_drawing_of_a_size_one_can_look_at():
    odd = '<script>alert(1)</script>\u202e" onload=x ' + "東京" * 200
    app = Application(legal_name=odd, ownership=[link(f"{odd}{number}", odd, 0.1) for number in range(1_000)])
    chart = ownership_chart(app)
    assert chart.left_out == 1_000 - MOST_HOLDINGS
    made = templates.env.get_template("console/drawing.html").module.svg(
        drawing.of_ownership(chart), "ownership", "Owners", "words"
    )
    root = ElementTree.fromstring(made)
    assert {element.tag for element in root.iter()} <= {
        *("div", "svg", "title", "defs", "marker", "path", "g", "rect", "text")
    }
    assert "\u202e" not in made
    assert not [name for element in root.iter() for name in element.attrib if name.startswith("on") or name == "style"]


def view(status="in_review"):
    links = Links(self="", events="", checkpoints="", console="")
    return CaseView(
        id="c",
        status=status,
        submitted_at="",
        updated_at="",
        application_version=1,
        application=Application(),
        links=links,
    )


def test_the_way_of_a_case_is_marked_in_the_flow_that_is_compiled():
    from langgraph.checkpoint.memory import InMemorySaver

    from graph.builder import build_graph

    graph = build_graph(InMemorySaver())
    steps = ("preprocess", "validate", "postprocess", "present")
    events = [{"type": "step.ended", "data": {"step": name}} for name in (*steps, *steps)]
    events.append({"type": "wait.opened", "data": {"stage": "review"}})
    found = picture(graph, view(), "review", events)
    drawn = {step.name: step for row in found.rows for step in row}
    assert set(drawn) == set(graph.get_graph().nodes)
    assert (drawn["preprocess"].runs, drawn["review"].here, drawn["authorise"].runs) == (2, True, 0)
    assert ("await_information", "preprocess") in found.back
    assert picture(graph, view("active"), None, events).here == END
    assert picture(graph, view("processing"), None, events[:2]).here == "validate"
    boxes = {box.lines[0]: box for box in drawing.of_flow(found).boxes}
    assert boxes["review"].kind == "here"
    assert boxes["preprocess"].lines == ["preprocess", "2 times"]


def test_the_drawing_is_named_and_described():
    env: jinja2.Environment = templates.env
    chart = ownership_chart(Application(persons=[Person(name="Ann", ownership_pct=100)]))
    made = env.get_template("console/drawing.html").module.svg(drawing.of_ownership(chart), "o", "Owners", "words")
    assert 'role="img" aria-labelledby="o-title" aria-describedby="words"' in made
    assert ">Owners</title>" in made
