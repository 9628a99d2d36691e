"""What the packages of `measure` and `remember` say of themselves: a run calls each file once, in the order told."""

import ast
from itertools import groupby
from pathlib import Path

import pytest

import seprank

SOURCE = Path(seprank.__file__).parent
WALKS = {
    "measurement/measure.py": (
        ("measured", "measure_at"),
        ["inputs", "measured_model", "matrix", "recheck", "measurement"],
    ),
    "memory_curve/run.py": (
        ("remember", "_curve"),
        ["windows", "measured_model", "readout", "collection", "columns", "curve"],
    ),
}
"""By file: its functions that a run goes through, and the files that these call"""


def walk(path: Path, functions: tuple[str, ...]) -> list[str]:
    """The files of measurements whose functions and classes are called by some functions, in the order of the lines."""
    tree = ast.parse(path.read_text())
    homes = {
        alias.name: node.module.removeprefix("measurement.")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and (node.level == 1 or "measurement." in node.module)
        for alias in node.names
    }
    bodies = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    called = [
        homes[name.id]
        for function in functions
        for statement in bodies[function].body
        for name in sorted(_names(statement), key=lambda name: (name.lineno, name.col_offset))
        if name.id in homes
    ]
    return [home for home, _ in groupby(called)]


def _names(statement: ast.stmt) -> list[ast.Name]:
    return [node for node in ast.walk(statement) if isinstance(node, ast.Name)]


@pytest.mark.parametrize("home", WALKS)
def test_a_run_calls_each_file_once(home: str) -> None:
    functions, expected = WALKS[home]
    assert walk(SOURCE / home, functions) == expected
    told = (SOURCE / home).with_name("__init__.py").read_text()
    places = [told.index(f"`{file}`") for file in expected]
    assert places == sorted(places), "the package tells another order"
