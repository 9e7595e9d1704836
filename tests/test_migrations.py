"""Migrations only add, so that old code goes on beside the new schema while replicas are replaced one by one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

VERSIONS = sorted((Path(__file__).parents[1] / "checkpoints" / "migrations" / "versions").glob("[0-9]*.py"))
ADDS = {"create_table", "create_index", "add_column"}
EXCEPTIONS = {
    "0004": "takes a NOT NULL away (letters.case_id): nothing that old code writes is refused for it",
    "0006": "fills its own new columns from what is there",
    "0007": "fills its own new table from what is there",
}
"""What does more than add, and why old code can bear it."""


def upgrade(path: Path) -> ast.FunctionDef:
    tree = ast.parse(path.read_text())
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "upgrade")


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """What ``upgrade`` asks of Alembic: ``(operation, call)``."""
    for node in ast.walk(upgrade(path)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("op."):
            yield ast.unparse(node.func).removeprefix("op."), node


def said(path: Path, name: str) -> str | None:
    tree = ast.parse(path.read_text())
    found = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name]
    return ast.literal_eval(found[0].value)


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_a_migration_only_adds_or_says_why_it_may_do_more(path: Path) -> None:
    more = {operation for operation, _ in calls(path)} - ADDS
    assert bool(more) == (path.name[:4] in EXCEPTIONS), more or "no exception any more"


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: path.stem)
def test_old_code_may_leave_a_new_column_out(path: Path) -> None:
    for operation, call in calls(path):
        if operation == "add_column":
            column = call.args[1]
            assert isinstance(column, ast.Call)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in column.keywords}
            assert given.get("nullable") == "True" or "server_default" in given, ast.unparse(call)


def test_they_stand_in_one_line_in_the_order_of_their_numbers() -> None:
    before = None
    for path in VERSIONS:
        assert str(said(path, "revision"))[:4] == path.name[:4]
        assert said(path, "down_revision") == before, path.name
        before = said(path, "revision")
