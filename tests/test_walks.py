"""What the packages of `measure` and `remember` say of themselves: a run calls each file once, in the order told."""

import ast
import re
from itertools import groupby
from pathlib import Path

import pytest

import seprank
import seprank.certification

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


DATA = {"form", "pieces", "footprint"}
"""Limits, types and sizes, which every file may look up"""


def called_from(path: Path, name: str) -> list[str]:
    """The files of its folder that a function uses, in the order of the lines; functions of its own are walked, too."""
    tree = ast.parse(path.read_text())
    near = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level == 1]
    homes = {alias.name: node.module or alias.name for node in near for alias in node.names}
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    methods = {node.name: node for own in classes for node in own.body if isinstance(node, ast.FunctionDef)}
    waiting, found = set(functions.values()) | set(methods.values()), []

    def enter(function: ast.FunctionDef | None) -> None:
        if function not in waiting:
            return
        waiting.remove(function)
        for statement in function.body:
            uses = [node for node in ast.walk(statement) if isinstance(node, ast.Name | ast.Attribute)]
            for use in sorted(uses, key=lambda node: (node.end_lineno or 0, node.end_col_offset or 0)):
                if isinstance(use, ast.Attribute):
                    enter(methods.get(use.attr))
                elif use.id in homes:
                    found.append(homes[use.id])
                else:
                    enter(functions.get(use.id))

    enter(functions[name])
    return [home for home, _ in groupby(home for home in found if home not in DATA)]


@pytest.mark.parametrize(("file", "function", "told"), [("search", "certify", 1), ("verify", "recheck", 2)])
def test_what_the_package_of_certificates_tells_of_its_walks(file: str, function: str, told: int) -> None:
    paragraph = seprank.certification.__doc__.split("\n\n")[told]  # type: ignore[union-attr]
    files = [name for name in re.findall("`([a-z]+)`", paragraph) if name not in ("certify", "verify")]
    assert called_from(SOURCE / "certification" / f"{file}.py", function) == files
